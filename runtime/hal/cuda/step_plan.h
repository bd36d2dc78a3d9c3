// How the work of a list is handed to the GPU: as one graph, as graphs with the host between them,
// or piece by piece.
#ifndef HYDRA_RUNTIME_HAL_CUDA_STEP_PLAN_H_
#define HYDRA_RUNTIME_HAL_CUDA_STEP_PLAN_H_

#include <memory>
#include <variant>
#include <vector>

#include "runtime/hal/cuda/cuda_memory.h"
#include "runtime/hal/cuda/step_graph.h"

namespace hydra::hal::cuda {

// Work that belongs together: one run of one recording.
struct WorkRun {
  std::vector<Work> work;
  size_t first_line = 0, line_count = 0;
};

class StepPlan {
 public:
  // Everything that a submission needs is made here. Capture::kDefault: one graph over all runs,
  // cut only where the host has to choose a case; kSegments: a graph per run; kOff, and every
  // profiled list: no graphs.
  static absl::StatusOr<std::unique_ptr<StepPlan>> Create(std::vector<WorkRun> runs,
                                                          const RecordOptions& options,
                                                          const LineName& name_of,
                                                          std::shared_ptr<CudaContext> context);
  // Waits for the stream.
  ~StepPlan();
  StepPlan(const StepPlan&) = delete;
  StepPlan& operator=(const StepPlan&) = delete;

  // Puts everything on the stream. Waits only where the host has to choose.
  absl::Status Run();
  // Of a profiled list whose last submission is done: calls add(line, seconds) for its work.
  absl::Status ReadTimes(const std::function<void(size_t, double)>& add);

  absl::Span<const Segment> segments() const { return segments_; }

 private:
  struct Choice;
  // A graph, work put on the stream by itself, or a choice.
  using Step = std::variant<std::unique_ptr<StepGraph>, Work, std::unique_ptr<Choice>>;
  struct Choice {
    DevicePointer selector = 0;
    std::vector<std::vector<Step>> cases;
  };
  struct Timed {
    size_t line = 0;
    Event begin = nullptr, end = nullptr;
  };

  explicit StepPlan(std::shared_ptr<CudaContext> context) : context_(std::move(context)) {}

  // Steps of work, graphs of what lies between choices, or none.
  absl::StatusOr<std::vector<Step>> StepsOf(std::vector<Work> work, bool graphs,
                                            const LineName& name_of);
  absl::StatusOr<Step> ChoiceOf(ChoiceWork work, bool graphs, const LineName& name_of);
  absl::Status RunSteps(const std::vector<Step>& steps);
  absl::Status RunChoice(const Choice& choice);
  absl::Status RunTimed(const Work& work);

  std::shared_ptr<CudaContext> context_;
  std::vector<Step> steps_;
  std::vector<Segment> segments_;
  std::unique_ptr<PinnedMemory> selected_;  // where the host reads a selector
  bool profiling_ = false;
  std::vector<Timed> times_;
  size_t timed_ = 0;  // of the submission that runs
};

}  // namespace hydra::hal::cuda

#endif  // HYDRA_RUNTIME_HAL_CUDA_STEP_PLAN_H_
