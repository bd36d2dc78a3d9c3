// An executable graph: work as explicit nodes, one behind the other, launched by one call.
#ifndef HYDRA_RUNTIME_HAL_CUDA_STEP_GRAPH_H_
#define HYDRA_RUNTIME_HAL_CUDA_STEP_GRAPH_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/types/span.h"
#include "runtime/hal/cuda/cuda_context.h"
#include "runtime/hal/cuda/work.h"

namespace hydra::hal::cuda {

// "kernel rms_norm_1a2b3c4d, scope 7": what stands in a line of the list's profile.
using LineName = std::function<std::string(size_t line)>;

class StepGraph {
 public:
  // Kernels, copies and fills; a node runs when the one before it is done. What the driver refuses
  // is named. Everything that a launch needs is on the device when this returns.
  static absl::StatusOr<std::unique_ptr<StepGraph>> Build(absl::Span<const Work> work,
                                                          const LineName& name_of,
                                                          std::shared_ptr<CudaContext> context);
  // Waits for the stream.
  ~StepGraph();
  StepGraph(const StepGraph&) = delete;
  StepGraph& operator=(const StepGraph&) = delete;

  absl::Status Launch();
  uint64_t nodes() const { return nodes_; }

 private:
  explicit StepGraph(std::shared_ptr<CudaContext> context) : context_(std::move(context)) {}
  absl::Status AddNodes(absl::Span<const Work> work, const LineName& name_of,
                        std::vector<GraphNode>& nodes);

  std::shared_ptr<CudaContext> context_;
  Graph graph_ = nullptr;
  GraphExec exec_ = nullptr;
  uint64_t nodes_ = 0;
};

}  // namespace hydra::hal::cuda

#endif  // HYDRA_RUNTIME_HAL_CUDA_STEP_GRAPH_H_
