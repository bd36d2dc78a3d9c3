// Kernels of the simulated GPU: code of this processor, run block by block under two orders.
#ifndef HYDRA_RUNTIME_HAL_SIM_SIM_EXECUTABLE_H_
#define HYDRA_RUNTIME_HAL_SIM_SIM_EXECUTABLE_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/hal/cuda/cuda_executable.h"
#include "runtime/hal/kernel_image.h"
#include "runtime/hal/sim/machine.h"
#include "runtime/hal/sim/simulator.h"

namespace hydra::hal::sim {

class SimExecutable final : public cuda::CudaExecutable {
 public:
  SimExecutable(std::unique_ptr<KernelImage> image, absl::Span<const KernelEntry> entries,
                std::shared_ptr<cuda::CudaContext> context, std::shared_ptr<Simulator> simulator);
  // Waits for the stream.
  ~SimExecutable() override;

  // Knows how far each argument reaches, which its address does not say.
  cuda::Function FunctionOf(const Recording& recording,
                            const KernelCommand& command) const override;
  // Kernels of this program have none of their own: a thread per item.
  std::optional<LaunchGeometry> GeometryOf(const KernelCommand& command) const override;
  absl::StatusOr<cuda::Function> FunctionOf(const MatmulCommand& command) const override;

 private:
  std::unique_ptr<KernelImage> image_;
  std::shared_ptr<Simulator> simulator_;
  // Made while lists are recorded; kernels by what they are bound to.
  mutable std::map<std::string, std::unique_ptr<cuda::CUfunc_st>> functions_;
  mutable std::vector<std::unique_ptr<cuda::CUfunc_st>> products_;
};

}  // namespace hydra::hal::sim

#endif  // HYDRA_RUNTIME_HAL_SIM_SIM_EXECUTABLE_H_
