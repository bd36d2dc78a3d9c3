// Recorded command lists of the sim driver: the commands as they came, carried out one by one.
#ifndef HYDRA_RUNTIME_HAL_SIM_COMMAND_LIST_H_
#define HYDRA_RUNTIME_HAL_SIM_COMMAND_LIST_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "runtime/hal/host_command_list.h"
#include "runtime/hal/kernel_image.h"
#include "runtime/hal/sim/simulator.h"

namespace hydra::hal::sim {

class SimCommandList final : public HostCommandList {
 public:
  // Checks and copies the recordings. A failure names the recording and the command.
  static absl::StatusOr<std::unique_ptr<SimCommandList>> Create(
      const KernelImage& image, absl::Span<const Recording> recordings, HostRing ring,
      const RecordOptions& options);
  ~SimCommandList() override { Drain(); }

  // Runs everything between the staged bytes of the ring's entry and its outputs.
  absl::Status Run(size_t entry, Simulator& simulator);

 private:
  struct Part {
    CommandSequence commands;
    Recording recording;  // `commands` points to the one above
    size_t first_profile = 0;
  };

  SimCommandList(const KernelImage& image, HostRing ring, const RecordOptions& options)
      : HostCommandList(std::move(ring), options), image_(image) {}

  size_t AddProfile(uint32_t recording, const CommandSequence& commands);
  // `line` is that of the first command in the profile, moved behind the last one.
  absl::Status RunSequence(const CommandSequence& commands, size_t& line);
  absl::Status RunCommand(const Command& command, size_t& line);
  absl::Status RunKernel(const KernelCommand& kernel);
  uint8_t* Address(const BufferRef& ref) const;

  const KernelImage& image_;
  std::vector<std::unique_ptr<Part>> parts_;
  // While it runs.
  Simulator* simulator_ = nullptr;
  const Recording* recording_ = nullptr;
  uint32_t run_ = 0;
};

}  // namespace hydra::hal::sim

#endif  // HYDRA_RUNTIME_HAL_SIM_COMMAND_LIST_H_
