// oneDNN is held to one level per process. Each case runs in a child of its own, made before this
// process has used the library.
#include "runtime/hal/cpu/onednn_level.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <oneapi/dnnl/dnnl.h>

#include <cstdio>
#include <cstdlib>

#include "runtime/base/cpu_detection.h"

namespace hydra::hal::cpu {
namespace {

using ::testing::AllOf;
using ::testing::ExitedWithCode;
using ::testing::HasSubstr;

// Ends the child: 0 if the status is ok, else 1 with the message on standard error.
[[noreturn]] void End(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  std::exit(status.ok() ? 0 : 1);
}

const CpuLevel& Best() { return *FindCpuLevel(RunnableLevels(HostCpu()).front()); }

class OneDnnLevelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (RunnableLevels(HostCpu()).empty()) GTEST_SKIP() << "no known level on this processor";
  }
};

TEST_F(OneDnnLevelTest, EveryLevelOfThisMachineHolds) {
  for (const std::string& name : RunnableLevels(HostCpu())) {
    EXPECT_EXIT(End(HoldOneDnn(*FindCpuLevel(name))), ExitedWithCode(0), "") << name;
  }
}

TEST_F(OneDnnLevelTest, TheSmallestLevelReachesTheLibraryWhateverTheEnvironmentSays) {
  const auto child = [] {
    setenv("ONEDNN_MAX_CPU_ISA", "ALL", 1);
    const absl::Status status = HoldOneDnn(CpuLevels().front());
    if (!status.ok()) End(status);
    std::exit(dnnl_get_effective_cpu_isa() == dnnl_cpu_isa_avx2 ? 0 : 2);
  };
  EXPECT_EXIT(child(), ExitedWithCode(0), "");
}

TEST_F(OneDnnLevelTest, ASecondLevelIsRefusedWithBothNames) {
  if (RunnableLevels(HostCpu()).size() < 2) GTEST_SKIP() << "one level only on this processor";
  const auto child = [] {
    const CpuLevel& smallest = CpuLevels().front();
    if (!HoldOneDnn(smallest).ok() || !HoldOneDnn(smallest).ok()) std::exit(2);
    End(HoldOneDnn(Best()));
  };
  EXPECT_EXIT(child(), ExitedWithCode(1),
              AllOf(HasSubstr("kernels for " + std::string(Best().name)), HasSubstr("held to avx2"),
                    HasSubstr("process of their own")));
}

TEST_F(OneDnnLevelTest, ALibraryThatWasUsedBeforeIsNotTrusted) {
  const auto child = [] {
    dnnl_engine_t engine = nullptr;
    if (dnnl_engine_create(&engine, dnnl_cpu, 0) != dnnl_success) std::exit(2);
    dnnl_get_effective_cpu_isa();
    End(HoldOneDnn(CpuLevels().front()));
  };
  EXPECT_EXIT(child(), ExitedWithCode(1), HasSubstr("was used in this process before"));
}

TEST_F(OneDnnLevelTest, ANameThatTheLibraryLacksIsAnError) {
  CpuLevel level = CpuLevels().front();
  level.onednn_isa = "avx1024";
  EXPECT_EXIT(End(HoldOneDnn(level)), ExitedWithCode(1), HasSubstr("avx1024"));
}

TEST(OneDnnVersionTest, IsThreeNumbers) {
  EXPECT_THAT(OneDnnVersion(), ::testing::MatchesRegex("[1-9][0-9]*\\.[0-9]+\\.[0-9]+"));
}

}  // namespace
}  // namespace hydra::hal::cpu
