// Recorded command lists of the sim driver: the commands as they came, carried out one by one.
#ifndef HYDRA_RUNTIME_HAL_SIM_COMMAND_LIST_H_
#define HYDRA_RUNTIME_HAL_SIM_COMMAND_LIST_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "runtime/hal/device.h"
#include "runtime/hal/host_buffer.h"
#include "runtime/hal/kernel_image.h"
#include "runtime/hal/sim/simulator.h"
#include "runtime/hal/slot_ring.h"
#include "runtime/hal/submission_queue.h"

namespace hydra::hal::sim {

class SimCommandList final : public CommandList {
 public:
  // Checks and copies the recordings. A failure names the recording and the command.
  static absl::StatusOr<std::unique_ptr<SimCommandList>> Create(
      const KernelImage& image, absl::Span<const Recording> recordings,
      std::shared_ptr<SubmissionQueue> queue, SlotRing ring,
      std::unique_ptr<HostBuffer> ring_memory, const RecordOptions& options);
  ~SimCommandList() override { queue_->Drain(); }
  SimCommandList(const SimCommandList&) = delete;
  SimCommandList& operator=(const SimCommandList&) = delete;

  absl::StatusOr<absl::Span<uint8_t>> Stage(size_t slot, uint32_t piece) override;
  absl::StatusOr<absl::Span<const uint8_t>> Fetch(Ticket ticket, size_t slot,
                                                  uint32_t piece) override;
  absl::Span<const Segment> segments() const override { return segments_; }
  const std::vector<CommandProfile>& profile() const override { return profile_; }

  SlotRing& ring() { return ring_; }

  // Runs everything between the staged bytes of the ring's entry and its outputs.
  absl::Status Run(size_t entry, Simulator& simulator);

 private:
  struct Part {
    CommandSequence commands;
    Recording recording;  // `commands` points to the one above
    size_t first_profile = 0;
  };

  SimCommandList(const KernelImage& image, std::shared_ptr<SubmissionQueue> queue, SlotRing ring,
                 std::unique_ptr<HostBuffer> ring_memory, const RecordOptions& options);

  size_t AddProfile(uint32_t recording, const CommandSequence& commands);
  // `line` is that of the first command in the profile, moved behind the last one.
  absl::Status RunSequence(const CommandSequence& commands, size_t& line);
  absl::Status RunCommand(const Command& command, size_t& line);
  absl::Status RunKernel(const KernelCommand& kernel);
  uint8_t* Address(const BufferRef& ref) const;

  const KernelImage& image_;
  std::shared_ptr<SubmissionQueue> queue_;
  SlotRing ring_;
  std::unique_ptr<HostBuffer> ring_memory_;
  uint64_t entry_bytes_;
  const bool profiling_;
  std::vector<std::unique_ptr<Part>> parts_;
  std::vector<CommandProfile> profile_;
  std::vector<Segment> segments_;
  // While it runs.
  Simulator* simulator_ = nullptr;
  const Recording* recording_ = nullptr;
  uint32_t run_ = 0;
};

}  // namespace hydra::hal::sim

#endif  // HYDRA_RUNTIME_HAL_SIM_COMMAND_LIST_H_
