// The cpu driver's workers. One job runs at a time: a range of work items cut into chunks of
// `grain`, which the workers take in order from an atomic counter. Run returns when all items are
// done, so jobs are ordered. Between jobs the workers spin for a few microseconds, then sleep.
//
// A worker that the system has not scheduled delays nobody: the others finish the job without it.
#ifndef HYDRA_RUNTIME_HAL_CPU_THREAD_POOL_H_
#define HYDRA_RUNTIME_HAL_CPU_THREAD_POOL_H_

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "absl/status/status.h"

namespace hydra::hal::cpu {

class ThreadPool {
 public:
  // Runs items [begin, end) on worker `worker`.
  using Task = void (*)(void* context, int worker, uint64_t begin, uint64_t end);

  // `prepare` runs once on every new thread.
  explicit ThreadPool(void (*prepare)()) : prepare_(prepare) {}
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Starts the threads; before it, Run does everything alone. `threads` counts the caller of Run,
  // which is worker 0. A failure if the system refuses one, with how many it gave.
  absl::Status Start(int threads);

  int thread_count() const { return static_cast<int>(threads_.size()) + 1; }

  // Does all items; at most command_check.h's kMaxChunks chunks. Not reentrant. Allocates nothing.
  void Run(Task task, void* context, uint64_t items, uint64_t grain);

 private:
  void WorkerLoop(int worker);
  // Takes chunks of the current job until none is left.
  void Help(int worker, uint64_t ticket);
  // True if the ticket's job is the current one and has chunks left.
  bool HasWork(uint64_t ticket) const;

  // Upper half: number of the job; lower half: the next chunk. One word, so that a chunk can only
  // be taken from the job whose description was read.
  alignas(64) std::atomic<uint64_t> ticket_{0};
  // Chunks finished in the current job.
  alignas(64) std::atomic<uint64_t> finished_{0};
  // The current job, written only while every chunk of the previous one is done. A worker reads it
  // before it takes a chunk and may meet it half written; then `chunks_` carries another job number
  // than the ticket, or the ticket has moved on, and it takes nothing.
  alignas(64) std::atomic<Task> task_{nullptr};
  std::atomic<void*> context_{nullptr};
  std::atomic<uint64_t> items_{0};
  std::atomic<uint64_t> grain_{1};
  std::atomic<uint64_t> chunks_{0};  // upper half: number of the job; lower half: its chunks

  alignas(64) std::atomic<uint32_t> wake_{0};
  std::atomic<uint32_t> sleepers_{0};
  std::atomic<bool> stop_{false};
  void (*const prepare_)();
  std::vector<std::thread> threads_;
};

}  // namespace hydra::hal::cpu

#endif  // HYDRA_RUNTIME_HAL_CPU_THREAD_POOL_H_
