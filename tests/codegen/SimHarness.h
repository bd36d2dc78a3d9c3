// Runs kernels of target cuda on the simulated device.
#ifndef HYDRA_TESTS_CODEGEN_SIMHARNESS_H
#define HYDRA_TESTS_CODEGEN_SIMHARNESS_H

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/base/command.h"
#include "tests/codegen/KernelHarness.h"

namespace mlir::hydra::testing {

// One launch of `commands` after the other on code of this processor's best level. The buffers, one
// after the other in one region at multiples of 64 bytes, hold `memory` before and are returned as
// they are afterwards; reference i of a command stands for buffer i. `scratch` bytes are there for
// every worker.
struct SimLaunch {
  uint32_t kernel = 0;
  std::vector<size_t> buffers;
  std::vector<int64_t> scalars;
  ::hydra::hal::LaunchGeometry geometry;
};
absl::StatusOr<std::vector<Words>> runOnSim(const CodeImage& image,
                                            const std::vector<std::string>& functions,
                                            const std::vector<SimLaunch>& launches,
                                            std::vector<Words> memory, int64_t scratch = 0);

// The kernel of a harness, its results as KernelHarness::run gives them: they start as NaN, and
// arguments that no result replaces are expected to stay as they were. `edit` may change the module
// in the LLVM and NVVM dialects before it is compiled: tests break kernels.
using SimEdit = std::function<void(ModuleOp)>;
absl::StatusOr<std::vector<Words>> runOnSim(KernelHarness& harness,
                                            const std::vector<Words>& arguments,
                                            std::vector<int> inPlace = {},
                                            const SimEdit& edit = nullptr);

// The level that simulated code is compiled for here, or null.
const CpuFacts* simLevel();

}  // namespace mlir::hydra::testing

#endif  // HYDRA_TESTS_CODEGEN_SIMHARNESS_H
