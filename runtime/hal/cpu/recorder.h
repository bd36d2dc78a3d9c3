// Turns command sequences into recorded steps of the cpu driver.
#ifndef HYDRA_RUNTIME_HAL_CPU_RECORDER_H_
#define HYDRA_RUNTIME_HAL_CPU_RECORDER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/hal/cpu/command_list.h"
#include "runtime/hal/kernel_image.h"

namespace hydra::hal::cpu {

class Recorder {
 public:
  // `primitives` as in MatmulStep; `workers` is the number of scratch parts.
  Recorder(const KernelImage& image, int workers, MatmulStep::Primitives primitives)
      : image_(image), workers_(workers), primitives_(std::move(primitives)) {}

  // Adds the recordings to a list without any. A failure names the recording and the command.
  absl::Status Record(absl::Span<const Recording> recordings, CpuCommandList& list);

  // What the recorded matmuls need per worker.
  uint64_t workspace_bytes() const { return workspace_bytes_; }
  uint64_t staging_bytes() const { return staging_bytes_; }

 private:
  absl::StatusOr<std::vector<Step>> RecordSequence(const CommandSequence& commands);
  absl::StatusOr<Step> RecordCommand(const Command& command);
  // Enters the address of `ref` in the part's table; returns its place there.
  size_t Resolve(const BufferRef& ref);

  const KernelImage& image_;
  int workers_;
  MatmulStep::Primitives primitives_;
  CpuCommandList* list_ = nullptr;
  const Recording* recording_ = nullptr;
  RecordedPart* part_ = nullptr;
  uint32_t index_ = 0;       // of the recording
  size_t next_profile_ = 0;  // line of the next command
  uint64_t workspace_bytes_ = 0, staging_bytes_ = 0;
};

}  // namespace hydra::hal::cpu

#endif  // HYDRA_RUNTIME_HAL_CPU_RECORDER_H_
