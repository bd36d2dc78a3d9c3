// Runs submissions of a driver on the host, one after the other in order: on a thread of its own,
// or on the thread that waits for one which has not begun, so that waiting costs no hand-over.
#ifndef HYDRA_RUNTIME_HAL_SUBMISSION_QUEUE_H_
#define HYDRA_RUNTIME_HAL_SUBMISSION_QUEUE_H_

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace hydra::hal {

// Push, Await and Seconds belong to the thread that uses the device, or to one that it handed the
// device to. Nothing allocates after Start.
class SubmissionQueue {
 public:
  // Runs one submission; `item` and `entry` are what was pushed.
  using Work = absl::Status (*)(void* context, void* item, uint64_t entry);

  // Submissions that may be in flight; Push waits beyond. Also the number of durations kept.
  static constexpr uint64_t kCapacity = 64;

  SubmissionQueue() = default;
  ~SubmissionQueue();
  SubmissionQueue(const SubmissionQueue&) = delete;
  SubmissionQueue& operator=(const SubmissionQueue&) = delete;

  // Starts the thread. Whichever thread runs submissions calls `prepare` first. A failure if the
  // system has no thread to give.
  absl::Status Start(Work work, void* context, void (*prepare)());
  // Runs what is left, then ends the thread. What needs the context comes before.
  void Stop();

  // The number of the new submission, counted from 1.
  uint64_t Push(void* item, uint64_t entry);
  uint64_t pushed() const { return pushed_.load(std::memory_order_relaxed); }

  // Waits until submission `sequence` and all before it are done. The first error among them;
  // after an error nothing runs any more.
  absl::Status Await(uint64_t sequence);
  // Waits for everything, whatever became of it.
  void Drain();
  // OK, or the first error so far.
  absl::Status status() const;

  // Duration of a finished submission, of the last kCapacity; negative for others.
  double Seconds(uint64_t sequence) const;

 private:
  struct Submission {
    void* item = nullptr;
    uint64_t entry = 0;
  };

  void Loop();
  void WaitFor(uint64_t sequence);
  // Runs what was pushed, in order, until `sequence` is finished. Holds running_.
  void RunUntil(uint64_t sequence);

  Work work_ = nullptr;
  void (*prepare_)() = nullptr;
  void* context_ = nullptr;
  Submission waiting_[kCapacity];
  double seconds_[kCapacity] = {};
  std::mutex running_;  // held by the thread that runs submissions
  // Written before `failed_` is set, read afterwards.
  absl::Status first_error_;
  alignas(64) std::atomic<uint64_t> pushed_{0};
  alignas(64) std::atomic<uint64_t> finished_{0};
  std::atomic<uint64_t> failed_{0};  // number of the submission that failed; 0: none
  std::atomic<bool> stop_{false};
  // What the thread sleeps on: a count of pushes and the stop.
  alignas(64) std::atomic<uint32_t> wake_{0};
  std::thread thread_;
};

}  // namespace hydra::hal

#endif  // HYDRA_RUNTIME_HAL_SUBMISSION_QUEUE_H_
