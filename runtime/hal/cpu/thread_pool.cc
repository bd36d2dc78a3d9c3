#include "runtime/hal/cpu/thread_pool.h"

#include <algorithm>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace hydra::hal::cpu {
namespace {

// About 20 microseconds: longer than the serial gaps inside a command list, short beside a host
// step.
constexpr int kSpins = 1000;
constexpr uint64_t kChunkMask = 0xffffffff;

inline void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

absl::Status ThreadPool::Start(int threads) {
  threads_.reserve(std::max(0, threads - 1));
  for (int worker = thread_count(); worker < threads; ++worker) {
    try {
      threads_.emplace_back([this, worker] {
        prepare_();
        WorkerLoop(worker);
      });
    } catch (const std::system_error& error) {
      return FailureError(absl::StrCat("the system starts ", worker, " of ", threads, " threads (",
                                       error.what(),
                                       "); use fewer --threads or raise the limit of the process"));
    }
  }
  return absl::OkStatus();
}

ThreadPool::~ThreadPool() {
  stop_.store(true);
  wake_.fetch_add(1);
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::Run(Task task, void* context, uint64_t items, uint64_t grain) {
  if (items == 0) return;
  const uint64_t chunks = (items + grain - 1) / grain;
  if (chunks == 1 || threads_.empty()) {
    for (uint64_t begin = 0; begin < items; begin += grain) {
      task(context, 0, begin, std::min(begin + grain, items));
    }
    return;
  }
  task_.store(task, std::memory_order_relaxed);
  context_.store(context, std::memory_order_relaxed);
  items_.store(items, std::memory_order_relaxed);
  grain_.store(grain, std::memory_order_relaxed);
  finished_.store(0, std::memory_order_relaxed);
  const uint64_t ticket = ((ticket_.load(std::memory_order_relaxed) >> 32) + 1) << 32;
  chunks_.store(ticket | chunks, std::memory_order_relaxed);
  // Sequentially consistent, with the load below: either a worker going to sleep sees the new job,
  // or this thread sees the sleeper.
  ticket_.store(ticket);
  if (sleepers_.load() > 0) {
    wake_.fetch_add(1);
    wake_.notify_all();
  }
  Help(0, ticket);
  for (int spins = 0; finished_.load(std::memory_order_acquire) != chunks; ++spins) {
    if (spins < kSpins) {
      Pause();
    } else {
      std::this_thread::yield();
    }
  }
}

bool ThreadPool::HasWork(uint64_t ticket) const {
  const uint64_t chunks = chunks_.load(std::memory_order_relaxed);
  return (ticket >> 32) == (chunks >> 32) && (ticket & kChunkMask) < (chunks & kChunkMask);
}

void ThreadPool::Help(int worker, uint64_t ticket) {
  const Task task = task_.load(std::memory_order_relaxed);
  void* const context = context_.load(std::memory_order_relaxed);
  const uint64_t items = items_.load(std::memory_order_relaxed);
  const uint64_t grain = grain_.load(std::memory_order_relaxed);
  const uint64_t chunks = chunks_.load(std::memory_order_relaxed);
  const uint64_t job = ticket >> 32;
  if ((chunks >> 32) != job) return;
  while ((ticket >> 32) == job && (ticket & kChunkMask) < (chunks & kChunkMask)) {
    if (!ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel,
                                       std::memory_order_acquire)) {
      continue;
    }
    const uint64_t begin = (ticket & kChunkMask) * grain;
    task(context, worker, begin, std::min(begin + grain, items));
    // Reported at once: Run must not wait for a worker that is merely about to report.
    finished_.fetch_add(1, std::memory_order_release);
    ticket = ticket_.load(std::memory_order_acquire);
  }
}

void ThreadPool::WorkerLoop(int worker) {
  uint64_t idle = 0;  // the first job may be there before this thread is
  while (!stop_.load(std::memory_order_relaxed)) {
    uint64_t ticket = ticket_.load(std::memory_order_acquire);
    for (int spins = 0; spins < kSpins && ticket == idle; ++spins) {
      Pause();
      ticket = ticket_.load(std::memory_order_acquire);
    }
    if (ticket == idle) {
      const uint32_t wake = wake_.load();
      sleepers_.fetch_add(1);
      if (ticket_.load() == idle && !stop_.load()) wake_.wait(wake);
      sleepers_.fetch_sub(1);
      continue;
    }
    if (HasWork(ticket)) Help(worker, ticket);
    idle = ticket_.load(std::memory_order_acquire);
    if (HasWork(idle)) idle = ticket;  // a new job already: look again at once
  }
}

}  // namespace hydra::hal::cpu
