// Kernels of target cuda, as they are before NVPTX, against the interpreter: on the simulated
// device, under two orders of threads, with every access checked.
#include <gtest/gtest.h>

#include <set>

#include "dialects/plan/KernelWork.h"
#include "tests/codegen/OpComparison.h"
#include "tests/codegen/SimHarness.h"

using namespace mlir;
using namespace mlir::hydra;
using namespace mlir::hydra::testing;

namespace {

// Every shape of row program, and every kind with an emitter of its own.
const char* const kCases[] = {"unary_silu_48",
                              "unary_gelu_48",
                              "binary_i32_max_33",
                              "binary_broadcast3_33",
                              "rms_norm_48",
                              "rms_norm_48_rows_0",
                              "rms_norm_48_rows_8",
                              "rms_norm_48_rows_21",
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
                              "adamw_20000",
                              "fused_add_norm_160",
                              "fused_norm_gradients_160",
                              "fused_softmax_160",
                              "fused_norm_rope_17",
                              "fused_log_sum_exp_100"};
// The first case of each of these ops.
const char* const kKinds[] = {"hydra.attention ",  "hydra.attention_grad",     "hydra.scatter_rows",
                              "hydra.global_norm", "hydra.cross_entropy_grad", "hydra.cache_update",
                              "hydra.top_k",       "hydra.counting_sort",      "hydra.nonzero",
                              "hydra.sample"};

std::vector<OpCase> simCases() {
  std::vector<OpCase> cases;
  std::set<std::string> seen;
  for (OpCase& item : allOpCases()) {
    bool wanted = llvm::is_contained(kCases, item.name);
    for (const char* kind : kKinds)
      if (item.text.find(kind) != std::string::npos && seen.insert(kind).second) wanted = true;
    if (wanted) cases.push_back(std::move(item));
  }
  return cases;
}

class SimOps : public ::testing::TestWithParam<OpCase> {};

TEST_P(SimOps, AgreesWithTheInterpreter) {
  if (!simLevel()) GTEST_SKIP() << "this machine runs no supported level";
  const OpCase& item = GetParam();
  KernelHarness harness(item.text);
  func::FuncOp function = harness.function();
  ASSERT_TRUE(function) << harness.messages();
  std::vector<Words> inputs = randomInputs(function, item);
  prepare(function, item.prepare, inputs);
  FailureOr<NamedTensors> expected = interpretFunction(function, bindings(function, inputs));
  ASSERT_TRUE(succeeded(expected)) << harness.messages();
  absl::StatusOr<std::vector<Words>> computed = runOnSim(harness, inputs);
  ASSERT_TRUE(computed.ok()) << computed.status();
  compare(function, item, *expected, *computed);
  if (item.inPlaceResult < 0) return;
  std::vector<int> inPlace(function.getNumResults(), -1);
  inPlace[item.inPlaceResult] = item.inPlaceOperand;
  absl::StatusOr<std::vector<Words>> replaced = runOnSim(harness, inputs, inPlace);
  ASSERT_TRUE(replaced.ok()) << replaced.status();
  EXPECT_TRUE(sameBits(function, item, *expected, *computed, *replaced)) << "differs in place";
}

INSTANTIATE_TEST_SUITE_P(Cases, SimOps, ::testing::ValuesIn(simCases()),
                         [](const ::testing::TestParamInfo<OpCase>& info) {
                           return info.param.name;
                         });

TEST(SimOps, EveryCaseExists) {
  EXPECT_EQ(simCases().size(), std::size(kCases) + std::size(kKinds));
}

}  // namespace
