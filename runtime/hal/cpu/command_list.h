// Recorded command lists of the cpu driver: resolved steps that the pool executes in order.
#ifndef HYDRA_RUNTIME_HAL_CPU_COMMAND_LIST_H_
#define HYDRA_RUNTIME_HAL_CPU_COMMAND_LIST_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "runtime/hal/cpu/kernel_image.h"
#include "runtime/hal/cpu/matmul_step.h"
#include "runtime/hal/cpu/thread_pool.h"
#include "runtime/hal/device.h"

namespace hydra::hal::cpu {

// What a worker owns while a list runs. The device keeps these and grows them while recording.
struct WorkerMemory {
  std::vector<TileMemory> tiles;  // per worker
};

struct KernelStep {
  KernelFunction function = nullptr;
  std::vector<void*> args;
  std::vector<int64_t> scalars;
  uint64_t items = 0, grain = 1;
  uint8_t* scratch = nullptr;  // of worker 0; null without scratch
  uint64_t scratch_stride = 0;
};
struct CopyStep {
  const uint8_t* source = nullptr;
  uint8_t* target = nullptr;
  uint64_t rows = 1, row_bytes = 0;
  uint64_t source_pitch = 0, target_pitch = 0;
};
struct FillStep {
  uint8_t* target = nullptr;
  uint64_t rows = 1, row_bytes = 0, pitch = 0;
  uint32_t pattern = 0;
};
struct CollectiveStep {};  // a world of one has nothing to add
struct Step;
struct SwitchStep {
  const int32_t* selector = nullptr;
  std::vector<std::vector<Step>> cases;
};
// The body of a capture, or all iterations of a repeat one after the other.
struct ListStep {
  std::vector<Step> body;
};
struct Step {
  std::variant<KernelStep, MatmulStep, CopyStep, FillStep, CollectiveStep, SwitchStep, ListStep>
      body;
  size_t profile = 0;  // index into the list's profile
};

class CpuCommandList final : public CommandList {
 public:
  void set_profiling(bool enabled) override { profiling_ = enabled; }
  const std::vector<CommandProfile>& profile() const override { return profile_; }

  // Runs everything, on the calling thread and the pool's. Internal if a library reports an error.
  absl::Status Run(ThreadPool& pool, const WorkerMemory& memory);

 private:
  friend class Recorder;

  absl::Status RunSteps(const std::vector<Step>& steps, ThreadPool& pool,
                        const WorkerMemory& memory);
  absl::Status RunStep(const Step& step, ThreadPool& pool, const WorkerMemory& memory);

  std::vector<std::vector<Step>> recordings_;
  std::vector<CommandProfile> profile_;
  bool profiling_ = false;
};

}  // namespace hydra::hal::cpu

#endif  // HYDRA_RUNTIME_HAL_CPU_COMMAND_LIST_H_
