// The matmul library of the simulated device: MatmulCommand by its definition, element by element.
// Where a CUDA device would call cuBLASLt, no generated code is under test.
#ifndef HYDRA_RUNTIME_HAL_SIM_LIBRARY_MATMUL_H_
#define HYDRA_RUNTIME_HAL_SIM_LIBRARY_MATMUL_H_

#include <cstdint>

#include "absl/status/status.h"
#include "runtime/base/command.h"

namespace hydra::hal::sim {

struct MatmulOperands {
  const uint8_t* a = nullptr;
  const uint8_t* b = nullptr;
  uint8_t* c = nullptr;
  const int32_t* rows = nullptr;     // null without a bound
  const int32_t* offsets = nullptr;  // null without groups by offsets
};

// OK if the library multiplies this: plain matrices of f32 or bf16.
absl::Status CheckLibraryMatmul(const MatmulCommand& command);
// Sums in float32 over ascending indices. Rows of C at or beyond a bound stay as they are.
void RunLibraryMatmul(const MatmulCommand& command, const MatmulOperands& operands);

}  // namespace hydra::hal::sim

#endif  // HYDRA_RUNTIME_HAL_SIM_LIBRARY_MATMUL_H_
