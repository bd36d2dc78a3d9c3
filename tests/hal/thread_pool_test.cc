// The pool: each item once, jobs in order, many short jobs, sleeping and waking.
#include "runtime/hal/cpu/thread_pool.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <numeric>
#include <vector>

namespace hydra::hal::cpu {
namespace {

struct Sum {
  std::vector<uint64_t> in, out;
};

// Not atomic: the order of jobs must be enough for the sanitizer.
void AddOne(void* context, int, uint64_t begin, uint64_t end) {
  auto& sum = *static_cast<Sum*>(context);
  for (uint64_t i = begin; i < end; ++i) sum.out[i] = sum.in[sum.in.size() - 1 - i] + 1;
}

class ThreadPoolTest : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolTest, ::testing::Values(1, 2, 3, 4, 8));

// Every job reads what all workers wrote in the job before, in mirrored order.
TEST_P(ThreadPoolTest, JobsAreOrderedAndComplete) {
  ThreadPool pool([] {});
  ASSERT_TRUE(pool.Start(GetParam()).ok());
  EXPECT_EQ(pool.thread_count(), GetParam());
  Sum sum{std::vector<uint64_t>(257), std::vector<uint64_t>(257)};
  constexpr uint64_t kJobs = 3000;
  for (uint64_t job = 0; job < kJobs; ++job) {
    pool.Run(AddOne, &sum, 257, 1 + job % 40);
    std::swap(sum.in, sum.out);
  }
  EXPECT_EQ(sum.in, std::vector<uint64_t>(257, kJobs));
}

TEST_P(ThreadPoolTest, WakesAfterSleeping) {
  ThreadPool pool([] {});
  ASSERT_TRUE(pool.Start(GetParam()).ok());
  Sum sum{std::vector<uint64_t>(64), std::vector<uint64_t>(64)};
  for (uint64_t job = 1; job <= 20; ++job) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    pool.Run(AddOne, &sum, 64, 1);
    std::swap(sum.in, sum.out);
    EXPECT_EQ(std::accumulate(sum.in.begin(), sum.in.end(), uint64_t{0}), 64 * job);
  }
}

struct Gate {
  std::atomic<int> arrived{0};
  std::atomic<uint64_t> workers{0};
};

// With as many chunks as workers, each blocking until all have arrived, every worker must take
// part.
TEST_P(ThreadPoolTest, AllWorkersTakePart) {
  ThreadPool pool([] {});
  ASSERT_TRUE(pool.Start(GetParam()).ok());
  Gate gate;
  const int threads = GetParam();
  pool.Run(
      [](void* context, int worker, uint64_t begin, uint64_t end) {
        auto& g = *static_cast<std::pair<Gate*, int>*>(context);
        g.first->workers.fetch_or(uint64_t{1} << worker);
        g.first->arrived.fetch_add(1);
        while (g.first->arrived.load() < g.second) std::this_thread::yield();
      },
      std::make_unique<std::pair<Gate*, int>>(&gate, threads).get(), static_cast<uint64_t>(threads),
      1);
  EXPECT_EQ(gate.workers.load(), (uint64_t{1} << threads) - 1);
}

TEST(ThreadPoolEdgeTest, NoItemsIsNoWork) {
  ThreadPool pool([] {});
  ASSERT_TRUE(pool.Start(3).ok());
  pool.Run([](void*, int, uint64_t, uint64_t) { FAIL(); }, nullptr, 0, 1);
}

}  // namespace
}  // namespace hydra::hal::cpu
