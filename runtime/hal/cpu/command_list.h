// Recorded command lists of the cpu driver: resolved steps that the pool executes in order.
#ifndef HYDRA_RUNTIME_HAL_CPU_COMMAND_LIST_H_
#define HYDRA_RUNTIME_HAL_CPU_COMMAND_LIST_H_

#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "runtime/hal/cpu/matmul_step.h"
#include "runtime/hal/cpu/thread_pool.h"
#include "runtime/hal/host_command_list.h"
#include "runtime/hal/kernel_image.h"

namespace hydra::hal::cpu {

// What a worker owns while a list runs. The device keeps these and grows them while recording.
struct WorkerMemory {
  std::vector<TileMemory> tiles;  // per worker
};

// Steps find the addresses of their operands in a table of the recording, from `first` on, so that
// a repeated recording moves addresses and not steps.
struct KernelStep {
  KernelFunction function = nullptr;
  size_t first = 0;  // its arguments
  std::vector<int64_t> scalars;
  uint64_t items = 0, grain = 1;
  uint8_t* scratch = nullptr;  // of worker 0; null without scratch
  uint64_t scratch_stride = 0;
};
struct MatmulCall {
  MatmulStep step;
  size_t first = 0;  // a, b, c, rows, offsets
};
struct CopyStep {
  size_t first = 0;  // source, target
  uint64_t rows = 1, row_bytes = 0;
  uint64_t source_pitch = 0, target_pitch = 0;
};
struct FillStep {
  size_t first = 0;  // target
  uint64_t rows = 1, row_bytes = 0, pitch = 0;
  uint32_t pattern = 0;
};
struct CollectiveStep {};  // a world of one has nothing to add
struct Step;
struct SwitchStep {
  size_t first = 0;  // selector
  std::vector<std::vector<Step>> cases;
};
// The body of a capture, or all iterations of a repeat one after the other.
struct ListStep {
  std::vector<Step> body;
};
struct Step {
  std::variant<KernelStep, MatmulCall, CopyStep, FillStep, CollectiveStep, SwitchStep, ListStep>
      body;
  size_t profile = 0;  // index into the list's profile
};

// One Recording, resolved.
struct RecordedPart {
  // An address that moves from run to run.
  struct Move {
    size_t address = 0;
    uint64_t stride = 0;
  };

  // By `runs` strides forward, or back.
  void Advance(int64_t runs) {
    for (const Move& move : moves) {
      addresses[move.address] =
          static_cast<uint8_t*>(addresses[move.address]) + runs * static_cast<int64_t>(move.stride);
    }
  }

  std::vector<Step> steps;
  std::vector<void*> addresses;
  std::vector<Move> moves;
  uint32_t repeat = 1;
};

class CpuCommandList final : public HostCommandList {
 public:
  CpuCommandList(HostRing ring, const RecordOptions& options)
      : HostCommandList(std::move(ring), options) {}
  ~CpuCommandList() override { Drain(); }

  // Runs everything on the calling thread, which is worker 0, and the pool's, between the staged
  // bytes of the ring's entry and its outputs. A failure if a library reports an error.
  absl::Status Run(size_t entry, ThreadPool& pool, const WorkerMemory& memory);

 private:
  friend class Recorder;

  absl::Status RunSteps(const std::vector<Step>& steps, void* const* addresses, ThreadPool& pool,
                        const WorkerMemory& memory);
  absl::Status RunStep(const Step& step, void* const* addresses, ThreadPool& pool,
                       const WorkerMemory& memory);

  std::vector<RecordedPart> parts_;
};

}  // namespace hydra::hal::cpu

#endif  // HYDRA_RUNTIME_HAL_CPU_COMMAND_LIST_H_
