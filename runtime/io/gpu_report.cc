#include "runtime/io/gpu_report.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace hydra {
namespace {

absl::StatusOr<int64_t> Count(const JsonView& object, absl::string_view key) {
  HYDRA_ASSIGN_OR_RETURN(const JsonView value, object.Get(key));
  return value.Int(0);
}

absl::StatusOr<GpuKernelReport> ReadKernel(const JsonView& item) {
  GpuKernelReport kernel;
  HYDRA_ASSIGN_OR_RETURN(kernel.name, item.Text("name"));
  HYDRA_ASSIGN_OR_RETURN(kernel.threads, Count(item, "threads"));
  HYDRA_ASSIGN_OR_RETURN(kernel.registers, Count(item, "registers"));
  HYDRA_ASSIGN_OR_RETURN(kernel.stack_bytes, Count(item, "stack_bytes"));
  HYDRA_ASSIGN_OR_RETURN(kernel.spill_store_bytes, Count(item, "spill_store_bytes"));
  HYDRA_ASSIGN_OR_RETURN(kernel.spill_load_bytes, Count(item, "spill_load_bytes"));
  HYDRA_ASSIGN_OR_RETURN(kernel.shared_bytes, Count(item, "shared_bytes"));
  HYDRA_ASSIGN_OR_RETURN(kernel.resident_blocks, Count(item, "resident_blocks"));
  HYDRA_ASSIGN_OR_RETURN(kernel.occupancy_percent, Count(item, "occupancy_percent"));
  return kernel;
}

absl::StatusOr<GpuLevelReport> ReadLevel(const JsonView& item) {
  GpuLevelReport level;
  HYDRA_ASSIGN_OR_RETURN(level.level, item.Text("level"));
  HYDRA_ASSIGN_OR_RETURN(const JsonView kernels, item.Get("kernels"));
  HYDRA_ASSIGN_OR_RETURN(const std::vector<JsonView> list, kernels.Array());
  for (const JsonView& entry : list) {
    HYDRA_ASSIGN_OR_RETURN(GpuKernelReport kernel, ReadKernel(entry));
    level.kernels.push_back(std::move(kernel));
  }
  return level;
}

template <typename Value>
int64_t Most(const GpuLevelReport& level, Value value) {
  int64_t most = 0;
  for (const GpuKernelReport& kernel : level.kernels) most = std::max(most, value(kernel));
  return most;
}

std::string Summary(const GpuLevelReport& level) {
  if (level.kernels.empty()) return "PTX, compiled by the driver of newer devices";
  return absl::StrFormat("%d kernels, at most %d registers and %d B of shared memory, %d spill",
                         level.kernels.size(),
                         Most(level, [](const GpuKernelReport& k) { return k.registers; }),
                         Most(level, [](const GpuKernelReport& k) { return k.shared_bytes; }),
                         GpuReport::Spilling(level));
}

}  // namespace

int64_t GpuReport::Spilling(const GpuLevelReport& level) {
  return std::count_if(level.kernels.begin(), level.kernels.end(),
                       [](const GpuKernelReport& kernel) { return kernel.spills(); });
}

absl::StatusOr<GpuReport> ReadGpuReport(const JsonView& ledger) {
  GpuReport report;
  const std::optional<JsonView> code = ledger.Find("gpu_code");
  if (!code) return report;
  HYDRA_ASSIGN_OR_RETURN(report.assembler, code->Text("assembler"));
  HYDRA_ASSIGN_OR_RETURN(const JsonView levels, code->Get("levels"));
  HYDRA_ASSIGN_OR_RETURN(const std::vector<JsonView> list, levels.Array());
  for (const JsonView& item : list) {
    HYDRA_ASSIGN_OR_RETURN(GpuLevelReport level, ReadLevel(item));
    report.levels.push_back(std::move(level));
  }
  return report;
}

std::string GpuReportText(const GpuReport& report) {
  if (report.levels.empty()) return "";
  std::string text =
      absl::StrCat("Code for GPUs, ",
                   report.assembler.empty() ? "not assembled: no ptxas where it was made"
                                            : absl::StrCat("assembled by ", report.assembler),
                   "\n");
  for (const GpuLevelReport& level : report.levels) {
    absl::StrAppendFormat(&text, "  %-12s %s\n", level.level, Summary(level));
  }
  for (const GpuLevelReport& level : report.levels) {
    if (level.kernels.empty()) continue;
    absl::StrAppendFormat(&text, "\n  %-34s %7s %9s %11s %6s %6s %9s\n", level.level, "threads",
                          "registers", "spill bytes", "stack", "shared", "occupancy");
    for (const GpuKernelReport& kernel : level.kernels) {
      absl::StrAppendFormat(&text, "  %-34s %7d %9d %11d %6d %6d %8d%%\n", kernel.name,
                            kernel.threads, kernel.registers,
                            kernel.spill_store_bytes + kernel.spill_load_bytes, kernel.stack_bytes,
                            kernel.shared_bytes, kernel.occupancy_percent);
    }
  }
  return text;
}

std::string GpuReportHtml(const GpuReport& report) {
  if (report.levels.empty()) return "";
  std::string page =
      "<h2>Code for GPUs</h2>\n<table>\n<tr><th>Architecture<th>Kernel<th>Threads<th>Registers"
      "<th>Spill bytes<th>Shared bytes<th>Occupancy</tr>\n";
  for (const GpuLevelReport& level : report.levels) {
    for (const GpuKernelReport& kernel : level.kernels) {
      absl::StrAppendFormat(&page,
                            "<tr><td>%s<td class=\"code\">%s<td class=\"number\">%d<td "
                            "class=\"number\">%d<td class=\"number\">%d<td class=\"number\">%d<td "
                            "class=\"number\">%d%%</tr>\n",
                            level.level, kernel.name, kernel.threads, kernel.registers,
                            kernel.spill_store_bytes + kernel.spill_load_bytes, kernel.shared_bytes,
                            kernel.occupancy_percent);
    }
  }
  return absl::StrCat(page, "</table>\n");
}

}  // namespace hydra
