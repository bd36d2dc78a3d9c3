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

struct KernelJob {
  const KernelStep* step;
  void* const* args;
};

void RunKernel(void* context, int worker, uint64_t begin, uint64_t end) {
  const auto& job = *static_cast<const KernelJob*>(context);
  const KernelStep& step = *job.step;
  const KernelContext kernel{
      step.scalars.data(),
      step.scratch == nullptr ? nullptr : step.scratch + worker * step.scratch_stride, worker,
      nullptr};
  step.function(job.args, &kernel, static_cast<int64_t>(begin), static_cast<int64_t>(end));
}

// Items of copies and fills are bytes, or rows where there is more than one.
struct CopyJob {
  const CopyStep* step;
  const uint8_t* source;
  uint8_t* target;
};

void RunCopy(void* context, int, uint64_t begin, uint64_t end) {
  const auto& job = *static_cast<const CopyJob*>(context);
  const CopyStep& step = *job.step;
  if (step.rows == 1) {
    std::memcpy(job.target + begin, job.source + begin, end - begin);
    return;
  }
  for (uint64_t row = begin; row < end; ++row) {
    std::memcpy(job.target + row * step.target_pitch, job.source + row * step.source_pitch,
                step.row_bytes);
  }
}

struct FillJob {
  const FillStep* step;
  uint8_t* target;
};

void FillWords(uint8_t* target, uint64_t bytes, uint32_t pattern) {
  if (pattern == 0) {
    std::memset(target, 0, bytes);
    return;
  }
  auto* words = reinterpret_cast<uint32_t*>(target);
  std::fill(words, words + bytes / 4, pattern);
}

void RunFill(void* context, int, uint64_t begin, uint64_t end) {
  const auto& job = *static_cast<const FillJob*>(context);
  const FillStep& step = *job.step;
  if (step.rows == 1) {
    FillWords(job.target + begin, end - begin, step.pattern);
    return;
  }
  for (uint64_t row = begin; row < end; ++row) {
    FillWords(job.target + row * step.pitch, step.row_bytes, step.pattern);
  }
}

void RunRows(ThreadPool& pool, void (*run)(void*, int, uint64_t, uint64_t), void* job,
             uint64_t rows, uint64_t row_bytes) {
  if (row_bytes == 0) return;
  if (rows == 1) {
    pool.Run(run, job, row_bytes, kMoveGrain);
  } else {
    pool.Run(run, job, rows, std::max(kMoveGrain / row_bytes, uint64_t{1}));
  }
}

struct MatmulJob {
  const MatmulStep* step;
  MatmulStep::Operands operands;
  const WorkerMemory* memory;
  std::atomic<bool> failed{false};
};

void RunMatmul(void* context, int worker, uint64_t begin, uint64_t end) {
  auto& job = *static_cast<MatmulJob*>(context);
  for (uint64_t tile = begin; tile < end; ++tile) {
    if (!job.step->RunTile(job.operands, tile, worker, job.memory->tiles[worker])) {
      job.failed.store(true);
    }
  }
}

}  // namespace

absl::Status CpuCommandList::Run(size_t entry, ThreadPool& pool, const WorkerMemory& memory) {
  HYDRA_RETURN_IF_ERROR(TakeInputs(entry));
  for (RecordedPart& part : parts_) {
    for (uint32_t run = 0; run < part.repeat; ++run) {
      if (run > 0) part.Advance(1);
      HYDRA_RETURN_IF_ERROR(RunSteps(part.steps, part.addresses.data(), pool, memory));
    }
    part.Advance(1 - static_cast<int64_t>(part.repeat));
  }
  return GiveOutputs(entry);
}

absl::Status CpuCommandList::RunSteps(const std::vector<Step>& steps, void* const* addresses,
                                      ThreadPool& pool, const WorkerMemory& memory) {
  for (const Step& step : steps) {
    if (!profiling_) {
      HYDRA_RETURN_IF_ERROR(RunStep(step, addresses, pool, memory));
      continue;
    }
    const auto start = std::chrono::steady_clock::now();
    HYDRA_RETURN_IF_ERROR(RunStep(step, addresses, pool, memory));
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    AddRun(step.profile, elapsed.count());
  }
  return absl::OkStatus();
}

absl::Status CpuCommandList::RunStep(const Step& step, void* const* addresses, ThreadPool& pool,
                                     const WorkerMemory& memory) {
  if (const auto* kernel = std::get_if<KernelStep>(&step.body)) {
    KernelJob job{kernel, addresses + kernel->first};
    pool.Run(RunKernel, &job, kernel->items, kernel->grain);
  } else if (const auto* matmul = std::get_if<MatmulCall>(&step.body)) {
    void* const* operands = addresses + matmul->first;
    MatmulJob job{
        &matmul->step,
        {static_cast<const uint8_t*>(operands[0]), static_cast<const uint8_t*>(operands[1]),
         static_cast<uint8_t*>(operands[2]), static_cast<const int32_t*>(operands[3]),
         static_cast<const int32_t*>(operands[4])},
        &memory};
    pool.Run(RunMatmul, &job, matmul->step.tiles(), 1);
    if (job.failed.load()) {
      return FailureError(absl::StrCat("oneDNN failed to execute a matmul of scope ",
                                       profile_[step.profile].scope));
    }
  } else if (const auto* copy = std::get_if<CopyStep>(&step.body)) {
    CopyJob job{copy, static_cast<const uint8_t*>(addresses[copy->first]),
                static_cast<uint8_t*>(addresses[copy->first + 1])};
    if (job.source != job.target) RunRows(pool, RunCopy, &job, copy->rows, copy->row_bytes);
  } else if (const auto* fill = std::get_if<FillStep>(&step.body)) {
    FillJob job{fill, static_cast<uint8_t*>(addresses[fill->first])};
    RunRows(pool, RunFill, &job, fill->rows, fill->row_bytes);
  } else if (const auto* choice = std::get_if<SwitchStep>(&step.body)) {
    const int64_t last = static_cast<int64_t>(choice->cases.size()) - 1;
    const int32_t selector = *static_cast<const int32_t*>(addresses[choice->first]);
    return RunSteps(choice->cases[std::clamp<int64_t>(selector, 0, last)], addresses, pool, memory);
  } else if (const auto* list = std::get_if<ListStep>(&step.body)) {
    return RunSteps(list->body, addresses, pool, memory);
  }
  return absl::OkStatus();
}

}  // namespace hydra::hal::cpu
