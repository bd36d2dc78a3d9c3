// What the kernels of an artifact of target cuda take of a GPU, as the assembler reported it when
// the artifact was made: the part `gpu_code` of its ledger.
#ifndef HYDRA_RUNTIME_IO_GPU_REPORT_H_
#define HYDRA_RUNTIME_IO_GPU_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/io/json_file.h"

namespace hydra {

struct GpuKernelReport {
  std::string name;
  int64_t threads = 0;                                  // per block
  int64_t registers = 0, stack_bytes = 0;               // per thread
  int64_t spill_store_bytes = 0, spill_load_bytes = 0;  // per thread, of instructions in the code
  int64_t shared_bytes = 0;                             // per block
  int64_t resident_blocks = 0;                          // on a multiprocessor
  int64_t occupancy_percent = 0;                        // of the threads that it holds

  bool spills() const { return spill_store_bytes + spill_load_bytes > 0; }
};

struct GpuLevelReport {
  std::string level;                     // sm_NN; compute_NN: PTX, whose kernels nobody assembled
  std::vector<GpuKernelReport> kernels;  // in the artifact's order
};

struct GpuReport {
  std::string assembler;  // "ptxas 13.0.88"; empty: none, or no artifact of target cuda
  std::vector<GpuLevelReport> levels;

  // Kernels of a level that spill.
  static int64_t Spilling(const GpuLevelReport& level);
};

// The report in a ledger, empty where it has none.
absl::StatusOr<GpuReport> ReadGpuReport(const JsonView& ledger);

// A line per level with its extremes, then a table of the kernels with a line for each level. ""
// for an empty report.
std::string GpuReportText(const GpuReport& report);
// The same as an HTML table.
std::string GpuReportHtml(const GpuReport& report);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_IO_GPU_REPORT_H_
