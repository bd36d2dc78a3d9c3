// hydra-run db: questions to the metrics database of a run, also while it trains.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

#include "absl/strings/str_format.h"
#include "runtime/diagnostics/routing_heat_map.h"
#include "runtime/io/atomic_file.h"
#include "runtime/io/output_guard.h"
#include "runtime/metrics/routing_report.h"
#include "tools/hydra-run/commands.h"
#include "tools/hydra-run/console.h"

namespace hydra::tools {
namespace {

using metrics::ModRow;
using metrics::MoeRow;
using metrics::MorRow;
using metrics::RoutingReport;

struct RoutingFlags {
  std::string path, run, png;
  int64_t last = 100;
  bool force = false;
};

std::string Number(double value, int digits = 3) { return absl::StrFormat("%.*f", digits, value); }
std::string Percent(double share) { return absl::StrFormat("%.1f", 100 * share); }

void PrintMod(const std::vector<ModRow>& rows) {
  if (rows.empty()) return;
  Table table({"layer", "capacity", "selected %", "MLP rows saved %", "p mean", "p std", "status"},
              "rrrrrrl");
  for (const ModRow& row : rows) {
    table.Add({absl::StrCat(row.layer), Number(row.capacity), Percent(row.selected_frac),
               Number(row.compute_savings_pct, 1), Number(row.probs_mean), Number(row.probs_std),
               row.Status()});
  }
  std::printf("\nMixture of depths\n%s", table.Text().c_str());
}

void PrintMor(const std::vector<MorRow>& rows) {
  if (rows.empty()) return;
  Table table({"layer", "mean depth", "expected", "p mean", "tokens by depth, %", "status"},
              "rrrrll");
  for (const MorRow& row : rows) {
    std::string shares;
    for (const double share : metrics::Shares(metrics::Depths(row.tokens))) {
      absl::StrAppend(&shares, shares.empty() ? "" : "  ", Percent(share));
    }
    table.Add({absl::StrCat(row.layer), Number(row.avg_depth), Number(row.expected_depth),
               Number(row.router_probs_mean), shares, row.Status()});
  }
  std::printf("\nMixture of recursions\n%s", table.Text().c_str());
}

void PrintMoe(const std::vector<MoeRow>& rows) {
  if (rows.empty()) return;
  Table table({"layer", "entropy", "divergence", "tokens by expert, %", "status"}, "rrrll");
  for (const MoeRow& row : rows) {
    std::string shares;
    for (const double share : metrics::Shares(row.tokens)) {
      absl::StrAppend(&shares, shares.empty() ? "" : "  ", Percent(share));
    }
    table.Add({absl::StrCat(row.layer), Number(row.entropy), Number(row.divergence), shares,
               row.Status()});
  }
  std::printf("\nMixture of experts\n%s", table.Text().c_str());
}

template <typename Rows>
void PrintFlags(const char* router, const Rows& rows) {
  for (const auto& row : rows) {
    const std::string status = row.Status();
    if (status == "OK") continue;
    std::printf("collapse: %s of layer %lld: %s (%s)\n", router, static_cast<long long>(row.layer),
                status.c_str(), metrics::ExplainStatus(status).c_str());
  }
}

void PrintReport(const RoutingReport& report) {
  std::printf("run %s, steps %s to %s of %s\n", report.run.c_str(),
              WithCommas(report.from_step).c_str(), WithCommas(report.last_step).c_str(),
              WithCommas(report.last_step).c_str());
  if (report.run_mlp_flops_fixed_depth > 0) {
    std::printf(
        "MLP FLOPs saved against fixed depth: %s %% in these steps, %s %% over the run\n",
        Percent(metrics::SavedShare(report.rows.mlp_flops, report.rows.mlp_flops_fixed_depth))
            .c_str(),
        Percent(metrics::SavedShare(report.run_mlp_flops, report.run_mlp_flops_fixed_depth))
            .c_str());
  }
  PrintMod(report.rows.mod);
  PrintMor(report.rows.mor);
  PrintMoe(report.rows.moe);
  std::printf("\n");
  PrintFlags("depth routing", report.rows.mod);
  PrintFlags("recursion", report.rows.mor);
  PrintFlags("experts", report.rows.moe);
}

Json ToJson(const RoutingReport& report) {
  Json mod = Json::array(), mor = Json::array(), moe = Json::array();
  for (const ModRow& row : report.rows.mod) {
    mod.push_back({{"layer", row.layer},
                   {"status", row.Status()},
                   {"capacity", row.capacity},
                   {"selected_frac", row.selected_frac},
                   {"compute_savings_pct", row.compute_savings_pct},
                   {"probs_mean", row.probs_mean},
                   {"probs_std", row.probs_std},
                   {"tokens", Json(row.tokens)}});
  }
  for (const MorRow& row : report.rows.mor) {
    mor.push_back({{"layer", row.layer},
                   {"status", row.Status()},
                   {"avg_depth", row.avg_depth},
                   {"expected_depth", row.expected_depth},
                   {"router_probs_mean", row.router_probs_mean},
                   {"depth_histogram", Json(metrics::Shares(metrics::Depths(row.tokens)))},
                   {"tokens", Json(row.tokens)}});
  }
  for (const MoeRow& row : report.rows.moe) {
    moe.push_back({{"layer", row.layer},
                   {"status", row.Status()},
                   {"entropy", row.entropy},
                   {"divergence", row.divergence},
                   {"utilization", Json(metrics::Shares(row.tokens))},
                   {"tokens", Json(row.tokens)}});
  }
  return {{"run", report.run},
          {"first_step", report.first_step},
          {"last_step", report.last_step},
          {"from_step", report.from_step},
          {"mlp_flops_saved",
           metrics::SavedShare(report.rows.mlp_flops, report.rows.mlp_flops_fixed_depth)},
          {"run_mlp_flops_saved",
           metrics::SavedShare(report.run_mlp_flops, report.run_mlp_flops_fixed_depth)},
          {"mod", std::move(mod)},
          {"mor", std::move(mor)},
          {"moe", std::move(moe)}};
}

bool IsPng(const std::string& path) {
  char start[4] = {};
  std::ifstream(path, std::ios::binary).read(start, sizeof(start));
  return absl::string_view(start, sizeof(start)) == "\x89PNG";
}

absl::Status WritePicture(const RoutingReport& report, const RoutingFlags& flags) {
  HYDRA_RETURN_IF_ERROR(CheckOutput(flags.png, FileKind{"a PNG picture", IsPng}, flags.force));
  HYDRA_ASSIGN_OR_RETURN(const std::string bytes, EncodePng(RoutingHeatMap(report)));
  HYDRA_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(flags.png));
  HYDRA_RETURN_IF_ERROR(file.Append(bytes));
  HYDRA_RETURN_IF_ERROR(file.Commit());
  PrintNote(absl::StrCat("wrote ", flags.png));
  return absl::OkStatus();
}

absl::StatusOr<int> Routing(const RoutingFlags& flags, bool json) {
  metrics::RoutingQuery query{.database = flags.path, .run = flags.run, .last = flags.last};
  std::error_code ignored;
  if (std::filesystem::is_directory(flags.path, ignored)) {
    query.database = (std::filesystem::path(flags.path) / "training.db").string();
  }
  HYDRA_ASSIGN_OR_RETURN(const RoutingReport report, metrics::ReadRouting(query));
  if (!flags.png.empty()) HYDRA_RETURN_IF_ERROR(WritePicture(report, flags));
  if (json) {
    PrintJson(ToJson(report));
  } else {
    PrintReport(report);
  }
  return 0;
}

}  // namespace

void AddDb(CommandLine& line) {
  Command db = line.Add("db", "What the metrics database of a run says");
  Command routing =
      db.Subcommand("routing", "What routers did, the work they saved, and what has collapsed");
  auto flags = std::make_shared<RoutingFlags>();
  routing.Positional("run", flags->path, "run directory, or its training.db");
  routing.Text("--run", flags->run, "a run of the database; the one that began last if empty");
  routing.Integer("--last", flags->last, {.least = 0}, "steps of the tables; 0: all");
  routing.Text("--png", flags->png, "writes the whole run as a heat map to this file");
  routing.Flag("--force", flags->force, "replace the picture");
  routing.Run([flags](bool json) { return Routing(*flags, json); });
}

}  // namespace hydra::tools
