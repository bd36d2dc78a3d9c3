// The CUDA driver of this machine, opened when it is asked for: one program serves machines with
// and without a GPU.
#ifndef HYDRA_RUNTIME_HAL_CUDA_DRIVER_LIBRARY_H_
#define HYDRA_RUNTIME_HAL_CUDA_DRIVER_LIBRARY_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/hal/cuda/driver_api.h"

namespace hydra::hal::cuda {

struct Driver {
  DriverApi api;
  int version = 0;  // of the CUDA that it serves: 1000 x major + 10 x minor

  // "13.0"
  std::string VersionText() const;
};

// Opens and initialises libcuda.so.1, once in a process; it stays open. Input errors: there is no
// such library, it lacks a function, it is older than kOldestDriver, or it does not start; each
// says what to install. Thread-safe.
absl::StatusOr<const Driver*> OpenDriver();

// The oldest version that is served.
inline constexpr int kOldestDriver = 12020;

// OK, or a failure of `call` (out of memory where the driver says so), with the driver's words.
absl::Status Check(const Driver& driver, Result result, absl::string_view call);

}  // namespace hydra::hal::cuda

#endif  // HYDRA_RUNTIME_HAL_CUDA_DRIVER_LIBRARY_H_
