// The optimizer steps of a golden trajectory on a device. Private to this folder.
#ifndef HYDRA_RUNTIME_DIAGNOSTICS_VERIFY_TRAJECTORY_H_
#define HYDRA_RUNTIME_DIAGNOSTICS_VERIFY_TRAJECTORY_H_

#include <string>

#include "runtime/diagnostics/golden_run.h"
#include "runtime/diagnostics/verify.h"

namespace hydra {

// Compiles `spec` with the variants of all steps into one artifact, takes the steps (accumulate of
// the step's variant, then apply) with the control values of their phase, and compares what they
// record and leave with the file; then once more as shipped, which must give the same bits.
absl::StatusOr<VerifyReport> VerifyTrajectory(const Golden& golden, const VerifyOptions& options,
                                              const GoldenRun& run, const std::string& spec);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_DIAGNOSTICS_VERIFY_TRAJECTORY_H_
