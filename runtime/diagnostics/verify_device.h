// The device half of VerifyGolden. Private to this folder.
#ifndef HYDRA_RUNTIME_DIAGNOSTICS_VERIFY_DEVICE_H_
#define HYDRA_RUNTIME_DIAGNOSTICS_VERIFY_DEVICE_H_

#include <optional>
#include <string>
#include <vector>

#include "runtime/diagnostics/golden_run.h"
#include "runtime/diagnostics/verify.h"

namespace hydra {

// Compiles `spec` with and without probes for options.target, runs both, compares the first with
// the golden file and the second with the first. `entries`: flags that say what is compiled; `run`:
// of a whole model.
absl::StatusOr<VerifyReport> VerifyOnDevice(const Golden& golden, const VerifyOptions& options,
                                            const std::optional<GoldenRun>& run,
                                            const std::string& spec,
                                            const std::vector<std::string>& entries);

// An artifact on the device of the options: under the checks of runtime/hal/validation, or as it is
// shipped.
absl::StatusOr<Session> OpenSession(const std::string& path, const VerifyOptions& options,
                                    bool validate);

// Fails `verdict` at the first value of `found` that is missing or other bits in `expected`. `what`
// and `why` finish the message: "VALUE of NAME differs ...".
void RequireSame(const NumericTensors& expected, const NumericTensors& found,
                 absl::string_view what, absl::string_view why, GoldenVerdict& verdict);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_DIAGNOSTICS_VERIFY_DEVICE_H_
