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

// Kinds with an emitter of their own: the first case of each of these ops.
const char* const kKinds[] = {"hydra.attention ",    "hydra.attention_grad", "hydra.scatter_rows",
                              "hydra.global_norm",   "hydra.cache_update",   "hydra.top_k",
                              "hydra.counting_sort", "hydra.nonzero",        "hydra.sample"};

std::vector<OpCase> simCases() {
  std::vector<OpCase> cases = rowProgramCases();
  std::set<std::string> seen;
  for (OpCase& item : allOpCases())
    for (const char* kind : kKinds)
      if (item.text.find(kind) != std::string::npos && seen.insert(kind).second)
        cases.push_back(item);
  return cases;
}

class SimOps : public ::testing::TestWithParam<OpCase> {};

TEST_P(SimOps, AgreesWithTheInterpreter) {
  if (!simLevel()) GTEST_SKIP() << "this machine runs no supported level";
  const OpCase& item = GetParam();
  KernelHarness harness(item.text, plan::Workers::blocks);
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

TEST(SimOps, EveryKindHasACase) {
  EXPECT_EQ(simCases().size(), rowProgramCases().size() + std::size(kKinds));
}

}  // namespace
