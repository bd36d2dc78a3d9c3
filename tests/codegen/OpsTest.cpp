// Every primitive with a kernel against the interpreter, on shapes around the vector and tile
// widths: close to the float64 result, the same bits for every division of the work and every
// instruction-set level, the same bits in place.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "dialects/plan/KernelWork.h"
#include "runtime/base/cpu_detection.h"
#include "tests/codegen/KernelHarness.h"
#include "tests/codegen/OpCases.h"
#include "tests/codegen/OpComparison.h"

using namespace mlir;
using namespace mlir::hydra;
using namespace mlir::hydra::testing;

namespace {

class OpTest : public ::testing::TestWithParam<OpCase> {};

TEST_P(OpTest, AgreesWithTheInterpreter) {
  const OpCase& item = GetParam();
  KernelHarness harness(item.text);
  func::FuncOp function = harness.function();
  ASSERT_TRUE(function) << harness.messages();
  std::vector<Words> inputs = randomInputs(function, item);
  prepare(function, item.prepare, inputs);
  FailureOr<NamedTensors> expected = interpretFunction(function, bindings(function, inputs));
  ASSERT_TRUE(succeeded(expected)) << harness.messages();
  std::vector<Words> first;
  bool skipped = false;
  for (const std::string& level : ::hydra::RunnableLevels(::hydra::HostCpu())) {
    if (item.half && !::hydra::FindCpuLevel(level)->bf16_matmul) {
      skipped = true;
      EXPECT_FALSE(harness.compile(level)) << level << " multiplies bf16?";
      continue;
    }
    ASSERT_TRUE(harness.compile(level)) << harness.messages();
    std::vector<Words> whole = harness.run(inputs);
    compare(function, item, *expected, whole);
    if (HasFatalFailure()) return;
    if (first.empty() || item.half) first = whole;
    EXPECT_TRUE(sameBits(function, item, *expected, first, whole)) << "differs on " << level;
    for (Split split : {Split::single, Split::irregular})
      EXPECT_TRUE(sameBits(function, item, *expected, whole, harness.run(inputs, split)))
          << "depends on the division of the work";
    if (item.inPlaceResult < 0) continue;
    ASSERT_TRUE(plan::mayOverwrite(harness.kernel(), item.inPlaceOperand, item.inPlaceResult));
    std::vector<int> inPlace(function.getNumResults(), -1);
    inPlace[item.inPlaceResult] = item.inPlaceOperand;
    for (Split split : {Split::whole, Split::single})
      EXPECT_TRUE(sameBits(function, item, *expected, whole, harness.run(inputs, split, inPlace)))
          << "differs in place";
  }
  if (first.empty() && skipped) GTEST_SKIP() << "no level of this machine multiplies bf16";
  ASSERT_FALSE(first.empty()) << "this machine runs no supported level";
}

// What is emitted is what the op says it computes.
TEST_P(OpTest, RowProgramEqualsTheRule) {
  const OpCase& item = GetParam();
  KernelHarness harness(item.text);
  func::FuncOp function = harness.function();
  ASSERT_TRUE(function) << harness.messages();
  func::FuncOp program = function.clone();
  FailureOr<plan::RowScheduleAttr> schedule = plan::formRowProgram(program.getBody().front());
  ASSERT_TRUE(succeeded(schedule)) << harness.messages();
  if (*schedule) {
    std::vector<Words> inputs = randomInputs(function, item);
    prepare(function, item.prepare, inputs);
    FailureOr<NamedTensors> expected = interpretFunction(function, bindings(function, inputs));
    FailureOr<NamedTensors> computed = interpretFunction(program, bindings(program, inputs));
    ASSERT_TRUE(succeeded(expected) && succeeded(computed)) << harness.messages();
    std::vector<Words> words;
    for (auto [number, type] : llvm::enumerate(program.getResultTypes())) {
      const TensorValue& tensor = computed->at(resultKey(program, number));
      if (!isInteger(type)) {
        words.push_back(fromTensor(tensor));
        continue;
      }
      std::vector<int32_t> integers;
      for (double value : tensor.elements())
        integers.push_back(std::isnan(value) ? 0 : static_cast<int32_t>(value));
      words.push_back(Words::integers(integers));
    }
    compare(function, item, *expected, words);
  }
  program.erase();
}

INSTANTIATE_TEST_SUITE_P(Cases, OpTest, ::testing::ValuesIn(allOpCases()),
                         [](const ::testing::TestParamInfo<OpCase>& info) {
                           return info.param.name;
                         });

// Primitives that are commands, aliases or constants of the plan, or are decomposed before it.
const std::set<std::string> kWithoutKernel = {
    "hydra.constant",   "hydra.rope_table",  "hydra.stop",
    "hydra.matmul",     "hydra.causal_conv", "hydra.grouped_matmul",
    "hydra.slice_rows", "hydra.concat_rows", "hydra.grouped_weight_grad",
    "hydra.after"};

TEST(Emission, EveryPrimitiveHasARowBodyOrAnEmitterAndACase) {
  DialectRegistry registry;
  registry.insert<HydraDialect>();
  rows::registerRowBodyExternalModels(registry);
  registerKernelExternalModels(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadDialect<HydraDialect>();
  std::set<std::string> covered;
  for (const OpCase& item : allOpCases()) {
    size_t at = item.text.find("hydra.");
    if (at == std::string::npos) continue;
    covered.insert(item.text.substr(at, item.text.find(' ', at) - at));
  }
  int primitives = 0;
  for (RegisteredOperationName name : context.getRegisteredOperationsByDialect("hydra")) {
    if (!name.hasTrait<PrimitiveTier>()) continue;
    ++primitives;
    std::string text = name.getStringRef().str();
    // An alias alone, the same elements in a region (FusedCases.cpp).
    if (text == "hydra.reshape") continue;
    bool hasKernel = name.hasInterface<KernelOpInterface>();
    bool hasBody = name.hasInterface<rows::RowBodyOpInterface>();
    EXPECT_FALSE(hasKernel && hasBody) << text << " has two emissions";
    EXPECT_EQ(hasKernel || hasBody, kWithoutKernel.count(text) == 0) << text;
    EXPECT_EQ(hasKernel || hasBody, covered.count(text) == 1)
        << text << " has no case in OpCases.cpp";
  }
  EXPECT_GT(primitives, 30);
}

}  // namespace
