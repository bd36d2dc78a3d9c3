// A stand-in for NVIDIA's driver, to test the cuda driver where there is no GPU: a shared library
// libcuda.so.1 with the functions of runtime/hal/cuda/driver_api.h and graph_api.h over the
// simulated driver of runtime/hal/sim, whose rules it has. It takes PTX and cubins as well; of
// kernels it runs those of the conformance suite and of tests/gpu/first_day, others of a module do
// nothing.
//
// It is a machine of HYDRA_FAKE_CUDA, "capability=90,driver=13000,gpus=1,bytes=1073741824" by
// default; what is named there differs.
#ifndef HYDRA_TESTS_HAL_CUDA_FAKE_DRIVER_H_
#define HYDRA_TESTS_HAL_CUDA_FAKE_DRIVER_H_

#include <dlfcn.h>

#include "runtime/hal/sim/driver_counts.h"

namespace hydra::hal::testing {

using FakeCudaCounts = sim::DriverCounts;
using ReadFakeCuda = void (*)(FakeCudaCounts*);
inline constexpr char kReadFakeCuda[] = "HydraReadFakeCuda";

// The counts of the driver that this process has opened; false if it is another one, or none.
inline bool ReadCounts(FakeCudaCounts& counts) {
  void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
  if (library == nullptr) return false;
  const auto read = reinterpret_cast<ReadFakeCuda>(dlsym(library, kReadFakeCuda));
  dlclose(library);
  if (read == nullptr) return false;
  read(&counts);
  return true;
}

}  // namespace hydra::hal::testing

#endif  // HYDRA_TESTS_HAL_CUDA_FAKE_DRIVER_H_
