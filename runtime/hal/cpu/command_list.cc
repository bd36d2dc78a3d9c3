#include "runtime/hal/cpu/command_list.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace hydra::hal::cpu {
namespace {

// Copies and fills are cut into pieces of this size.
constexpr uint64_t kMoveGrain = uint64_t{256} << 10;

void RunKernel(void* context, int worker, uint64_t begin, uint64_t end) {
  const auto& step = *static_cast<const KernelStep*>(context);
  step.function(step.args.data(), step.scalars.data(),
                step.scratch == nullptr ? nullptr : step.scratch + worker * step.scratch_stride,
                static_cast<int64_t>(begin), static_cast<int64_t>(end));
}

void RunCopy(void* context, int, uint64_t begin, uint64_t end) {
  const auto& step = *static_cast<const CopyStep*>(context);
  std::memcpy(step.target + begin, step.source + begin, end - begin);
}

void RunFill(void* context, int, uint64_t begin, uint64_t end) {
  const auto& step = *static_cast<const FillStep*>(context);
  if (step.pattern == 0) {
    std::memset(step.target + begin, 0, end - begin);
    return;
  }
  auto* words = reinterpret_cast<uint32_t*>(step.target);
  std::fill(words + begin / 4, words + end / 4, step.pattern);
}

struct MatmulJob {
  const MatmulStep* step;
  const WorkerMemory* memory;
  std::atomic<bool> failed{false};
};

void RunMatmul(void* context, int worker, uint64_t begin, uint64_t end) {
  auto& job = *static_cast<MatmulJob*>(context);
  for (uint64_t tile = begin; tile < end; ++tile) {
    if (!job.step->RunTile(tile, worker, job.memory->tiles[worker])) job.failed.store(true);
  }
}

template <typename T>
void* Context(const T& step) {
  return const_cast<T*>(&step);  // tasks take a mutable pointer and read only
}

}  // namespace

absl::Status CpuCommandList::Run(ThreadPool& pool, const WorkerMemory& memory) {
  for (const std::vector<Step>& steps : recordings_) {
    HYDRA_RETURN_IF_ERROR(RunSteps(steps, pool, memory));
  }
  return absl::OkStatus();
}

absl::Status CpuCommandList::RunSteps(const std::vector<Step>& steps, ThreadPool& pool,
                                      const WorkerMemory& memory) {
  for (const Step& step : steps) {
    if (!profiling_) {
      HYDRA_RETURN_IF_ERROR(RunStep(step, pool, memory));
      continue;
    }
    const auto start = std::chrono::steady_clock::now();
    HYDRA_RETURN_IF_ERROR(RunStep(step, pool, memory));
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    profile_[step.profile].seconds += elapsed.count();
    ++profile_[step.profile].runs;
  }
  return absl::OkStatus();
}

absl::Status CpuCommandList::RunStep(const Step& step, ThreadPool& pool,
                                     const WorkerMemory& memory) {
  if (const auto* kernel = std::get_if<KernelStep>(&step.body)) {
    pool.Run(RunKernel, Context(*kernel), kernel->items, kernel->grain);
  } else if (const auto* matmul = std::get_if<MatmulStep>(&step.body)) {
    MatmulJob job{matmul, &memory};
    pool.Run(RunMatmul, &job, matmul->tiles(), 1);
    if (job.failed.load()) {
      return FailureError(absl::StrCat("oneDNN failed to execute a matmul of scope ",
                                       profile_[step.profile].scope));
    }
  } else if (const auto* copy = std::get_if<CopyStep>(&step.body)) {
    if (copy->source != copy->target) pool.Run(RunCopy, Context(*copy), copy->bytes, kMoveGrain);
  } else if (const auto* fill = std::get_if<FillStep>(&step.body)) {
    pool.Run(RunFill, Context(*fill), fill->bytes, kMoveGrain);
  } else if (const auto* choice = std::get_if<SwitchStep>(&step.body)) {
    const int64_t last = static_cast<int64_t>(choice->cases.size()) - 1;
    const int64_t chosen = std::clamp<int64_t>(*choice->selector, 0, last);
    return RunSteps(choice->cases[chosen], pool, memory);
  } else if (const auto* capture = std::get_if<CaptureStep>(&step.body)) {
    return RunSteps(capture->body, pool, memory);
  }
  return absl::OkStatus();
}

}  // namespace hydra::hal::cpu
