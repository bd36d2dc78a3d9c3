// Command lists of the validating device: every command recorded alone, with its checks.
#ifndef HYDRA_RUNTIME_HAL_VALIDATION_CHECKED_LIST_H_
#define HYDRA_RUNTIME_HAL_VALIDATION_CHECKED_LIST_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/hal/device.h"
#include "runtime/hal/validation/guarded_buffer.h"

namespace hydra::hal {

class CheckedList final : public CommandList {
 public:
  // `device` is the wrapped one; the buffers of the recordings are GuardedBuffers.
  static absl::StatusOr<std::unique_ptr<CheckedList>> Record(
      Device& device, const Executable& executable, absl::Span<const Recording> recordings);

  void set_profiling(bool enabled) override;
  const std::vector<CommandProfile>& profile() const override { return profile_; }

  // Runs and checks everything; the seconds spent in the wrapped device.
  absl::StatusOr<double> Run(Device& device);

 private:
  // Bytes that two different buffers of one command share.
  struct SharedBytes {
    size_t first = 0, second = 0;  // argument numbers
    BufferRef range;
    const uint8_t* data = nullptr;
    std::vector<uint8_t> before;
  };
  struct Node {
    std::string path;                       // "recording 0, command 3 (kernel rms_norm, scope 7)"
    std::unique_ptr<CommandList> list;      // a leaf
    std::vector<SharedBytes> shared;        // of a leaf
    const int32_t* selector = nullptr;      // a switch
    std::vector<std::vector<Node>> nested;  // cases of a switch, or the body of a capture
    size_t profile = 0;
  };
  struct Part {
    std::vector<Node> nodes;
    RegionBindings regions;
    std::vector<DeadRange> dead;
    std::vector<GuardedBuffer*> buffers;
  };

  absl::StatusOr<Part> RecordPart(Device& device, const Executable& executable,
                                  const Recording& recording, uint32_t index);
  absl::StatusOr<std::vector<Node>> RecordNodes(Device& device, const Executable& executable,
                                                const CommandSequence& commands, const Part& part,
                                                const RegionBindings& inner, uint32_t index,
                                                const std::string& path);
  absl::Status RunNode(Device& device, Node& node, const Part& part, double* seconds);

  static uint8_t* Resolve(const RegionBindings& regions, const BufferRef& ref);
  static std::vector<SharedBytes> FindShared(const KernelCommand& kernel,
                                             const RegionBindings& regions);

  std::vector<Part> parts_;
  std::vector<CommandProfile> profile_;
  bool profiling_ = false;
};

}  // namespace hydra::hal

#endif  // HYDRA_RUNTIME_HAL_VALIDATION_CHECKED_LIST_H_
