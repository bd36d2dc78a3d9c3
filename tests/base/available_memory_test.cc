// Memory limits, read from trees that look like /proc and /sys.
#include "runtime/base/available_memory.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hydra {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr uint64_t kMega = uint64_t{1} << 20;

class AvailableMemoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(::testing::TempDir()) /
            ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(root_);
  }
  void TearDown() override { fs::remove_all(root_); }
  void Write(const std::string& path, const std::string& text) {
    const fs::path file = root_ / path;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void WriteMachine(uint64_t available_mega, uint64_t swap_mega) {
    Write("proc/meminfo",
          absl::StrCat("MemTotal:       99999999 kB\nMemAvailable:   ", available_mega << 10,
                       " kB\nSwapFree:       ", swap_mega << 10, " kB\n"));
  }
  AvailableMemory Find() { return FindAvailableMemory(root_.string()); }

  fs::path root_;
};

TEST_F(AvailableMemoryTest, NothingToReadBoundsNothing) { EXPECT_EQ(Find().bytes, UINT64_MAX); }

TEST_F(AvailableMemoryTest, TheMachine) {
  WriteMachine(1000, 200);
  EXPECT_EQ(Find().bytes, 1200 * kMega);
  EXPECT_THAT(Find().bound, HasSubstr("MemAvailable"));
}

TEST_F(AvailableMemoryTest, Version2TakesTheLeastOfAllGroupsAbove) {
  WriteMachine(8000, 0);
  Write("proc/self/cgroup", "0::/user/job\n");
  Write("sys/fs/cgroup/user/job/memory.max", "max\n");
  Write("sys/fs/cgroup/user/job/memory.current", "5\n");
  EXPECT_EQ(Find().bytes, 8000 * kMega);
  Write("sys/fs/cgroup/user/memory.max", absl::StrCat(600 * kMega));
  Write("sys/fs/cgroup/user/memory.current", absl::StrCat(400 * kMega));
  Write("sys/fs/cgroup/user/memory.stat",
        absl::StrCat("anon 1\nactive_file ", 20 * kMega, "\ninactive_file ", 30 * kMega, "\n"));
  EXPECT_EQ(Find().bytes, (600 - 400 + 50) * kMega) << "page cache can be given up";
  EXPECT_THAT(Find().bound, HasSubstr("/sys/fs/cgroup/user/memory.max of 629145600 bytes"));
  Write("sys/fs/cgroup/user/job/memory.max", absl::StrCat(100 * kMega));
  EXPECT_EQ(Find().bytes, 100 * kMega - 5);
}

TEST_F(AvailableMemoryTest, SwapCountsAsFarAsGroupAndMachineHaveIt) {
  WriteMachine(8000, 50);
  Write("proc/self/cgroup", "0::/\n");
  Write("sys/fs/cgroup/memory.max", absl::StrCat(100 * kMega));
  Write("sys/fs/cgroup/memory.current", "0");
  Write("sys/fs/cgroup/memory.swap.max", absl::StrCat(30 * kMega));
  Write("sys/fs/cgroup/memory.swap.current", absl::StrCat(10 * kMega));
  EXPECT_EQ(Find().bytes, 120 * kMega);
  Write("sys/fs/cgroup/memory.swap.max", "max");
  EXPECT_EQ(Find().bytes, 150 * kMega);
}

TEST_F(AvailableMemoryTest, Version1AndHybrid) {
  WriteMachine(8000, 100);
  Write("proc/self/cgroup", "5:cpu,memory:/job\n1:pids:/other\n0::/\n");
  const std::string job = "sys/fs/cgroup/memory/job/";
  Write(job + "memory.limit_in_bytes", "9223372036854771712\n");
  Write(job + "memory.usage_in_bytes", "1000\n");
  EXPECT_EQ(Find().bytes, 8100 * kMega) << "the largest number is no limit";
  Write(job + "memory.limit_in_bytes", absl::StrCat(300 * kMega));
  Write(job + "memory.usage_in_bytes", absl::StrCat(200 * kMega));
  Write(job + "memory.stat", absl::StrCat("total_inactive_file ", 40 * kMega, "\n"));
  EXPECT_EQ(Find().bytes, (300 - 200 + 40 + 100) * kMega);
  Write(job + "memory.memsw.limit_in_bytes", absl::StrCat(310 * kMega));
  Write(job + "memory.memsw.usage_in_bytes", absl::StrCat(200 * kMega));
  EXPECT_EQ(Find().bytes, (300 - 200 + 40 + 10) * kMega);
}

TEST_F(AvailableMemoryTest, InAContainerTheMountIsTheGroup) {
  WriteMachine(8000, 0);
  Write("proc/self/cgroup", "4:memory:/docker/0123456789\n");
  Write("sys/fs/cgroup/memory/memory.limit_in_bytes", absl::StrCat(70 * kMega));
  Write("sys/fs/cgroup/memory/memory.usage_in_bytes", "0");
  EXPECT_EQ(Find().bytes, 70 * kMega);
}

TEST(AvailableMemory, OfThisMachineIsSome) { EXPECT_GT(FindAvailableMemory().bytes, kMega); }

}  // namespace
}  // namespace hydra
