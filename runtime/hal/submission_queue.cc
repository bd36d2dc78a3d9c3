#include "runtime/hal/submission_queue.h"

#include <chrono>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace hydra::hal {
namespace {

// A few microseconds: the hand-over of a short list costs no sleep, a long one costs no processor.
constexpr int kSpins = 200;

inline void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

SubmissionQueue::~SubmissionQueue() { Stop(); }

absl::Status SubmissionQueue::Start(Work work, void* context, void (*prepare)()) {
  work_ = work;
  context_ = context;
  prepare_ = prepare;
  try {
    thread_ = std::thread([this] { Loop(); });
  } catch (const std::system_error& error) {
    return FailureError(absl::StrCat("the system refuses to start a thread: ", error.what()));
  }
  return absl::OkStatus();
}

void SubmissionQueue::Stop() {
  if (!thread_.joinable()) return;
  stop_.store(true);
  wake_.fetch_add(1);
  wake_.notify_one();
  thread_.join();
}

uint64_t SubmissionQueue::Push(void* item, uint64_t entry) {
  const uint64_t sequence = pushed() + 1;
  if (sequence > kCapacity) WaitFor(sequence - kCapacity);
  waiting_[sequence % kCapacity] = {item, entry};
  pushed_.store(sequence, std::memory_order_release);
  wake_.fetch_add(1);
  wake_.notify_one();
  return sequence;
}

void SubmissionQueue::WaitFor(uint64_t sequence) {
  uint64_t finished = finished_.load(std::memory_order_acquire);
  if (finished < sequence && running_.try_lock()) {
    prepare_();
    RunUntil(sequence);
    running_.unlock();
    return;
  }
  for (int spins = 0; spins < kSpins && finished < sequence; ++spins) {
    Pause();
    finished = finished_.load(std::memory_order_acquire);
  }
  while (finished < sequence) {
    finished_.wait(finished, std::memory_order_acquire);
    finished = finished_.load(std::memory_order_acquire);
  }
}

absl::Status SubmissionQueue::Await(uint64_t sequence) {
  WaitFor(sequence);
  const uint64_t failed = failed_.load(std::memory_order_acquire);
  return failed != 0 && failed <= sequence ? first_error_ : absl::OkStatus();
}

void SubmissionQueue::Drain() { WaitFor(pushed()); }

absl::Status SubmissionQueue::status() const {
  return failed_.load(std::memory_order_acquire) == 0 ? absl::OkStatus() : first_error_;
}

double SubmissionQueue::Seconds(uint64_t sequence) const {
  const uint64_t finished = finished_.load(std::memory_order_acquire);
  // The slot of the oldest kept one is written again as soon as another is pushed.
  if (sequence == 0 || sequence > finished || pushed() - sequence >= kCapacity) return -1;
  return seconds_[sequence % kCapacity];
}

void SubmissionQueue::RunUntil(uint64_t sequence) {
  for (uint64_t next = finished_.load(std::memory_order_relaxed) + 1; next <= sequence; ++next) {
    const Submission submission = waiting_[next % kCapacity];
    const auto start = std::chrono::steady_clock::now();
    if (failed_.load(std::memory_order_relaxed) == 0) {
      absl::Status status = work_(context_, submission.item, submission.entry);
      if (!status.ok()) {
        first_error_ = std::move(status);
        failed_.store(next, std::memory_order_release);
      }
    }
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    seconds_[next % kCapacity] = elapsed.count();
    finished_.store(next, std::memory_order_release);
    finished_.notify_all();
  }
}

void SubmissionQueue::Loop() {
  prepare_();
  for (;;) {
    for (int spins = 0;; ++spins) {
      const uint32_t wake = wake_.load();
      if (pushed_.load(std::memory_order_acquire) > finished_.load(std::memory_order_acquire))
        break;
      if (stop_.load()) return;
      if (spins < kSpins) {
        Pause();
      } else {
        wake_.wait(wake);
      }
    }
    const std::lock_guard<std::mutex> lock(running_);
    RunUntil(pushed_.load(std::memory_order_acquire));
  }
}

}  // namespace hydra::hal
