// The device half of VerifyGolden. Private to this folder.
#ifndef HYDRA_RUNTIME_DIAGNOSTICS_VERIFY_DEVICE_H_
#define HYDRA_RUNTIME_DIAGNOSTICS_VERIFY_DEVICE_H_

#include <string>
#include <vector>

#include "runtime/diagnostics/verify.h"

namespace hydra {

// Compiles `spec` with and without probes for options.target, runs both, compares the first with
// the golden file and the second with the first.
absl::StatusOr<VerifyReport> VerifyOnDevice(const Golden& golden, const VerifyOptions& options,
                                            const std::string& spec,
                                            const std::vector<std::string>& entries);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_DIAGNOSTICS_VERIFY_DEVICE_H_
