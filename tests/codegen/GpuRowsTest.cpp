// Row programs as PTX: the same bodies and schedules as on CPUs, assembled for every architecture
// without spills.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "compiler/codegen/CudaCode.h"
#include "compiler/codegen/GpuCode.h"
#include "dialects/rows/RowsDialect.h"
#include "dialects/target/GpuFacts.h"
#include "tests/codegen/GpuAssembly.h"
#include "tests/codegen/KernelHarness.h"
#include "tests/codegen/OpCases.h"

using namespace mlir;
using namespace mlir::hydra;
using namespace mlir::hydra::testing;
using ::testing::HasSubstr;
using ::testing::Not;

namespace {

class GpuRows : public ::testing::TestWithParam<OpCase> {};

TEST_P(GpuRows, AssemblesWithoutSpills) {
  KernelHarness harness(GetParam().text, plan::Workers::blocks);
  ASSERT_TRUE(harness.function()) << harness.messages();
  for (const GpuFacts& facts : allGpuFacts()) {
    StringRef architecture = facts.name;
    FailureOr<std::string> ptx = generatePtx(harness.planModule(), architecture);
    ASSERT_TRUE(succeeded(ptx)) << harness.messages();
    EXPECT_THAT(*ptx, HasSubstr(".visible .entry k("));
    EXPECT_THAT(*ptx, HasSubstr(".target " + architecture.str()));
    EXPECT_THAT(*ptx, Not(HasSubstr(".extern")));
  }
  expectNoSpills(harness);
}

INSTANTIATE_TEST_SUITE_P(Cases, GpuRows, ::testing::ValuesIn(rowProgramCases()),
                         [](const ::testing::TestParamInfo<OpCase>& info) {
                           return info.param.name;
                         });

TEST(GpuRows, IsDeterministicAndRefusesWhatItCannotDo) {
  KernelHarness norm(rowProgramCases().front().text);
  FailureOr<std::string> first = generatePtx(norm.planModule(), "sm_80");
  FailureOr<std::string> second = generatePtx(norm.planModule(), "sm_80");
  ASSERT_TRUE(succeeded(first) && succeeded(second));
  EXPECT_EQ(*first, *second);
  EXPECT_TRUE(failed(generatePtx(norm.planModule(), "sm_70")));
  EXPECT_THAT(norm.messages(), HasSubstr(gpuNames() + "; found 'sm_70'"));
}

// Kinds with an emitter of their own are for GPUs too, a thread per item.
TEST(GpuRows, OtherKindsAssemble) {
  std::set<std::string> seen;
  for (const OpCase& item : allOpCases()) {
    for (const char* kind : {"hydra.scatter_rows", "hydra.top_k"}) {
      if (item.text.find(kind) == std::string::npos || !seen.insert(kind).second) continue;
      KernelHarness harness(item.text, plan::Workers::blocks);
      FailureOr<std::string> ptx = generatePtx(harness.planModule(), "sm_80");
      ASSERT_TRUE(succeeded(ptx)) << item.name << harness.messages();
      EXPECT_THAT(*ptx, Not(HasSubstr(".extern")));
      SmallVector<const GpuFacts*> oldest = {&allGpuFacts().front()};
      EXPECT_TRUE(succeeded(generateCudaCode(harness.planModule(), oldest))) << harness.messages();
    }
  }
  EXPECT_EQ(seen.size(), 2u);
}

}  // namespace
