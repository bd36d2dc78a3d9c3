// Modules of the stand-in for NVIDIA's driver: which kernels PTX has, and what those of the
// conformance suite do.
#ifndef HYDRA_TESTS_HAL_CUDA_FAKE_MODULES_H_
#define HYDRA_TESTS_HAL_CUDA_FAKE_MODULES_H_

#include "runtime/hal/sim/machine.h"

namespace hydra::hal::testing {

// PTX as a text that ends in a zero byte, or a cubin, whose kernels are not looked for.
// kInvalidImage for anything else. The machine owns it.
cuda::Result LoadModule(sim::Machine& machine, const void* image, cuda::Module* module);
cuda::Result FindFunction(cuda::Module module, const char* name, cuda::Function* function);

}  // namespace hydra::hal::testing

#endif  // HYDRA_TESTS_HAL_CUDA_FAKE_MODULES_H_
