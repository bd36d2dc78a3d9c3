// Recorded command lists of the cuda driver: copies in from pinned rings, the step, copies out.
#ifndef HYDRA_RUNTIME_HAL_CUDA_COMMAND_LIST_H_
#define HYDRA_RUNTIME_HAL_CUDA_COMMAND_LIST_H_

#include <memory>
#include <vector>

#include "runtime/hal/cuda/step_plan.h"
#include "runtime/hal/device.h"
#include "runtime/hal/slot_ring.h"

namespace hydra::hal::cuda {

class CudaCommandList final : public CommandList {
 public:
  // A failure or input error names the recording and the command.
  static absl::StatusOr<std::unique_ptr<CudaCommandList>> Create(
      const CudaExecutable& executable, absl::Span<const Recording> recordings,
      absl::Span<const Slot> slots, const RecordOptions& options,
      std::shared_ptr<CudaContext> context);

  absl::StatusOr<absl::Span<uint8_t>> Stage(size_t slot, uint32_t piece) override;
  absl::StatusOr<absl::Span<const uint8_t>> Fetch(Ticket ticket, size_t slot,
                                                  uint32_t piece) override;
  absl::Span<const Segment> segments() const override { return plan_->segments(); }
  const std::vector<CommandProfile>& profile() const override { return profile_; }

  const CudaContext& context() const { return *context_; }
  // Puts a submission on the stream. A profiled list waits for it.
  absl::StatusOr<Ticket> Submit();

 private:
  CudaCommandList(std::shared_ptr<CudaContext> context, SlotRing ring)
      : context_(std::move(context)), ring_(std::move(ring)) {}

  absl::Status AddRecording(const CudaExecutable& executable, const Recording& recording,
                            uint32_t number, std::vector<WorkRun>& runs);
  std::string NameOfLine(size_t line) const;
  absl::Status PutOnStream(size_t entry);

  std::shared_ptr<CudaContext> context_;
  SlotRing ring_;
  std::unique_ptr<PinnedMemory> ring_memory_;
  std::vector<CommandProfile> profile_;
  bool profiling_ = false;
  std::unique_ptr<StepPlan> plan_;
};

}  // namespace hydra::hal::cuda

#endif  // HYDRA_RUNTIME_HAL_CUDA_COMMAND_LIST_H_
