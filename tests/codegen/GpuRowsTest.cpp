// Row programs as PTX: the same bodies and schedules as on CPUs, assembled for every architecture
// without spills.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "compiler/codegen/GpuCode.h"
#include "dialects/rows/RowsDialect.h"
#include "dialects/target/GpuFacts.h"
#include "tests/codegen/KernelHarness.h"
#include "tests/codegen/OpCases.h"
#include "tests/codegen/PtxAssembler.h"

using namespace mlir;
using namespace mlir::hydra;
using namespace mlir::hydra::testing;
using ::testing::HasSubstr;
using ::testing::Not;

namespace {

// Cases of every shape of program: flat, rows, segments, windows, gathered rows, column sums,
// regions.
const char* const kCases[] = {"unary_silu_48",
                              "binary_i32_max_33",
                              "binary_broadcast3_33",
                              "rms_norm_48",
                              "rms_norm_48_rows_8",
                              "rms_norm_grad0_33",
                              "rms_norm_weight_grad_chunks",
                              "l2_norm_grad_17",
                              "rope_16_position",
                              "swiglu_33",
                              "swiglu_grad_48",
                              "split_17",
                              "concat_17",
                              "shift_from_16_33_history",
                              "unfold_history_3_17",
                              "fold_3_33",
                              "window_tail_2_33",
                              "embedding_48",
                              "reduce_sum_all_48",
                              "reduce_all_pieces",
                              "reduce_max_leading_33",
                              "cross_entropy_1001",
                              "cross_entropy_grad_1001",
                              "adamw_20000",
                              "fused_add_norm_160",
                              "fused_norm_gradients_160",
                              "fused_softmax_160",
                              "fused_norm_rope_17",
                              "fused_log_sum_exp_100"};

class GpuRows : public ::testing::TestWithParam<OpCase> {};

std::vector<OpCase> gpuCases() {
  std::vector<OpCase> cases;
  for (OpCase& item : allOpCases())
    if (llvm::is_contained(kCases, item.name)) cases.push_back(std::move(item));
  return cases;
}

TEST_P(GpuRows, AssemblesWithoutSpills) {
  KernelHarness harness(GetParam().text);
  ASSERT_TRUE(harness.function()) << harness.messages();
  expectAssembles(harness);
  if (!ptxAssembler())
    GTEST_SKIP() << "PTX was generated but not assembled: no ptxas; install the CUDA toolkit and "
                    "configure again";
}

INSTANTIATE_TEST_SUITE_P(Cases, GpuRows, ::testing::ValuesIn(gpuCases()),
                         [](const ::testing::TestParamInfo<OpCase>& info) {
                           return info.param.name;
                         });

TEST(GpuRows, EveryCaseExists) { EXPECT_EQ(gpuCases().size(), std::size(kCases)); }

TEST(GpuRows, IsDeterministicAndRefusesWhatItCannotDo) {
  KernelHarness norm(gpuCases().front().text);
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
    for (const char* kind : {"hydra.attention ", "hydra.scatter_rows", "hydra.top_k"}) {
      if (item.text.find(kind) == std::string::npos || !seen.insert(kind).second) continue;
      KernelHarness harness(item.text);
      FailureOr<std::string> ptx = generatePtx(harness.planModule(), "sm_80");
      ASSERT_TRUE(succeeded(ptx)) << item.name << harness.messages();
      EXPECT_THAT(*ptx, Not(HasSubstr(".extern")));
      if (ptxAssembler()) EXPECT_EQ(assemblePtx("sm_80", *ptx).first, 0) << item.name;
    }
  }
  EXPECT_EQ(seen.size(), 3u);
}

}  // namespace
