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
  const KernelContext kernel{
      step.scalars.data(),
      step.scratch == nullptr ? nullptr : step.scratch + worker * step.scratch_stride, worker,
      nullptr};
  step.function(step.args.data(), &kernel, static_cast<int64_t>(begin), static_cast<int64_t>(end));
}

// Items are bytes, or rows where there is more than one.
void RunCopy(void* context, int, uint64_t begin, uint64_t end) {
  const auto& step = *static_cast<const CopyStep*>(context);
  if (step.rows == 1) {
    std::memcpy(step.target + begin, step.source + begin, end - begin);
    return;
  }
  for (uint64_t row = begin; row < end; ++row) {
    std::memcpy(step.target + row * step.target_pitch, step.source + row * step.source_pitch,
                step.row_bytes);
  }
}

void FillWords(uint8_t* target, uint64_t bytes, uint32_t pattern) {
  if (pattern == 0) {
    std::memset(target, 0, bytes);
    return;
  }
  auto* words = reinterpret_cast<uint32_t*>(target);
  std::fill(words, words + bytes / 4, pattern);
}

void RunFill(void* context, int, uint64_t begin, uint64_t end) {
  const auto& step = *static_cast<const FillStep*>(context);
  if (step.rows == 1) {
    FillWords(step.target + begin, end - begin, step.pattern);
    return;
  }
  for (uint64_t row = begin; row < end; ++row) {
    FillWords(step.target + row * step.pitch, step.row_bytes, step.pattern);
  }
}

// Copies and fills: items and grain as RunCopy and RunFill count them.
void RunRows(ThreadPool& pool, void (*run)(void*, int, uint64_t, uint64_t), void* context,
             uint64_t rows, uint64_t row_bytes) {
  if (row_bytes == 0) return;
  const uint64_t items = rows == 1 ? row_bytes : rows;
  pool.Run(run, context, items,
           rows == 1 ? kMoveGrain : std::max(kMoveGrain / row_bytes, uint64_t{1}));
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
    if (copy->source != copy->target) {
      RunRows(pool, RunCopy, Context(*copy), copy->rows, copy->row_bytes);
    }
  } else if (const auto* fill = std::get_if<FillStep>(&step.body)) {
    RunRows(pool, RunFill, Context(*fill), fill->rows, fill->row_bytes);
  } else if (const auto* choice = std::get_if<SwitchStep>(&step.body)) {
    const int64_t last = static_cast<int64_t>(choice->cases.size()) - 1;
    const int64_t chosen = std::clamp<int64_t>(*choice->selector, 0, last);
    return RunSteps(choice->cases[chosen], pool, memory);
  } else if (const auto* list = std::get_if<ListStep>(&step.body)) {
    return RunSteps(list->body, pool, memory);
  }
  return absl::OkStatus();
}

}  // namespace hydra::hal::cpu
