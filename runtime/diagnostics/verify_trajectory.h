// The optimizer steps of a golden trajectory on a device, or interpreted. Private to this folder.
#ifndef HYDRA_RUNTIME_DIAGNOSTICS_VERIFY_TRAJECTORY_H_
#define HYDRA_RUNTIME_DIAGNOSTICS_VERIFY_TRAJECTORY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/diagnostics/golden_run.h"
#include "runtime/diagnostics/verify.h"

namespace hydra {

// Compiles `spec` with the variants of all steps into one artifact, takes the steps (accumulate of
// the step's variant, then apply) with the control values of their phase, and compares what they
// record and leave with the file; then once more as shipped, which must give the same bits.
absl::StatusOr<VerifyReport> VerifyTrajectory(const Golden& golden, const VerifyOptions& options,
                                              const GoldenRun& run, const std::string& spec);

// The same by the interpreter, after stages autodiff and fusion: a run of hydra-opt per step, each
// with the state that the one before it left.
absl::StatusOr<VerifyReport> InterpretTrajectory(const Golden& golden, const VerifyOptions& options,
                                                 const GoldenRun& run, const std::string& spec);

// Control values of the optimizer in a step of the trajectory.
absl::StatusOr<std::vector<GoldenScalar>> OptimizerControls(const Golden& golden, int64_t step);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_DIAGNOSTICS_VERIFY_TRAJECTORY_H_
