// A system that starts no more threads: an error that says so, and what was started ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>
#include <fstream>

#include "runtime/base/status.h"
#include "runtime/hal/cpu/thread_pool.h"
#include "runtime/hal/submission_queue.h"

namespace hydra::hal::cpu {
namespace {

// Leaves this process `bytes` of address space beyond what it has: stacks of threads take from it.
void LeaveAddressSpace(rlim_t bytes) {
  rlim_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const rlimit limit{pages * 4096 + bytes, RLIM_INFINITY};
  ASSERT_EQ(setrlimit(RLIMIT_AS, &limit), 0);
}

// Ends the process with 0 if `status` is a failure that says `text`.
[[noreturn]] void ExitIfRefused(const absl::Status& status, const char* text) {
  const bool refused = KindOf(status) == ErrorKind::kFailure &&
                       absl::string_view(status.message()).find(text) != absl::string_view::npos;
  std::exit(!status.ok() && refused ? 0 : 1);
}

TEST(RefusedThreadsDeathTest, APoolSaysHowManyThereAre) {
  EXPECT_EXIT(
      {
        LeaveAddressSpace(rlim_t{48} << 20);
        absl::Status status;
        {
          ThreadPool pool([] {});
          status = pool.Start(4096);
        }
        ExitIfRefused(status, "of 4096 threads");
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(RefusedThreadsDeathTest, AQueueSaysThatItHasNone) {
  EXPECT_EXIT(
      {
        LeaveAddressSpace(rlim_t{1} << 20);
        SubmissionQueue queue;
        ExitIfRefused(queue.Start(nullptr, nullptr, [] {}), "refuses to start a thread");
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace hydra::hal::cpu
