// The kernel for products on the simulated device, against the interpreter: every form, counts of
// nothing and of everything, rows beyond a count NaN; and what is caught when the kernel is broken.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "runtime/base/cpu_level.h"
#include "tests/codegen/OpComparison.h"
#include "tests/codegen/ProductCases.h"
#include "tests/codegen/SimHarness.h"

using namespace mlir;
using namespace mlir::hydra;
using namespace mlir::hydra::testing;
using ::testing::AnyOf;
using ::testing::HasSubstr;

namespace {

std::vector<Words> inputsOf(func::FuncOp function, const ProductCase& item) {
  OpCase random;
  random.low = -1, random.high = 1;
  random.integers = {{0, 0}};
  std::vector<Words> inputs = randomInputs(function, random);
  for (auto [position, type] : llvm::enumerate(function.getArgumentTypes())) {
    if (isInteger(type)) {
      inputs[position] = Words::integers(item.counts);
      continue;
    }
    std::optional<CountedRows> there = position == 0   ? item.a
                                       : position == 1 ? item.b
                                                       : std::nullopt;
    if (!there) continue;
    auto columns = cast<RankedTensorType>(type).getShape().back();
    for (size_t i = 0; i < inputs[position].words.size(); ++i)
      if (auto row = static_cast<int64_t>(i) / columns; row < there->begin || row >= there->end)
        inputs[position].words[i] = 0x7fc00000;
  }
  return inputs;
}

class SimProducts : public ::testing::TestWithParam<ProductCase> {
 protected:
  void SetUp() override {
    if (!simLevel()) GTEST_SKIP() << "this machine runs no supported level";
  }
};

TEST_P(SimProducts, AgreesWithTheInterpreter) {
  const ProductCase& item = GetParam();
  if (item.half && !::hydra::FindCpuLevel(simLevel()->name.str())->bf16_matmul)
    GTEST_SKIP() << "this machine does not round to bf16";
  KernelHarness harness(item.text, plan::Workers::blocks);
  func::FuncOp function = harness.function();
  ASSERT_TRUE(function) << harness.messages();
  std::vector<Words> inputs = inputsOf(function, item);
  FailureOr<NamedTensors> expected = interpretFunction(function, bindings(function, inputs));
  ASSERT_TRUE(succeeded(expected)) << harness.messages();
  absl::StatusOr<std::vector<Words>> computed = runOnSim(harness, inputs);
  ASSERT_TRUE(computed.ok()) << computed.status();

  const TensorValue& want = expected->at(resultKey(function, 0));
  auto type = cast<RankedTensorType>(function.getResultTypes().front());
  const double tolerance = type.getElementType().isBF16() ? 8e-3 : 1e-5;
  std::vector<float> have = computed->front().asFloats();
  CountedRows there = item.result.value_or(CountedRows{0, want.rows()});
  for (int64_t i = 0; i < want.size(); ++i) {
    if (int64_t row = i / want.columns(); row >= there.begin && row < there.end) {
      ASSERT_LE(std::fabs(have[i] - want[i]), tolerance * std::max(1.0, std::fabs(want[i])))
          << "element " << i << ": " << have[i] << ", expected " << want[i];
    } else {
      // As it was: NaN.
      ASSERT_EQ(computed->front().words[i] >> 16, 0xffffu) << "element " << i << " was written";
    }
  }
  if (item.accumulator < 0) return;
  absl::StatusOr<std::vector<Words>> replaced = runOnSim(harness, inputs, {item.accumulator});
  ASSERT_TRUE(replaced.ok()) << replaced.status();
  EXPECT_EQ(computed->front().words, replaced->front().words) << "differs in place";
}

INSTANTIATE_TEST_SUITE_P(Cases, SimProducts, ::testing::ValuesIn(productCases()),
                         [](const ::testing::TestParamInfo<ProductCase>& info) {
                           return info.param.name;
                         });

// Faults -----------------------------------------------------------------------------------------

class BrokenProduct : public SimProducts {
 protected:
  // A contraction of several rounds, the last of which the count cuts; several warps.
  static ProductCase bounded() {
    return matmulCase("broken", 416, 448, 64, {.transposeA = true, .rows = 41});
  }
  static absl::StatusOr<std::vector<Words>> run(const SimEdit& edit) {
    ProductCase item = bounded();
    KernelHarness harness(item.text, plan::Workers::blocks);
    return runOnSim(harness, inputsOf(harness.function(), item), {}, edit);
  }
};

TEST_F(BrokenProduct, EveryMissingBarrierIsCaught) {
  size_t barriers = 0;
  absl::StatusOr<std::vector<Words>> whole =
      run([&](ModuleOp module) { module.walk([&](NVVM::Barrier0Op) { ++barriers; }); });
  ASSERT_TRUE(whole.ok()) << whole.status();
  ASSERT_EQ(barriers, 2u);
  for (size_t missing = 0; missing < barriers; ++missing) {
    absl::StatusOr<std::vector<Words>> result = run([&](ModuleOp module) {
      std::vector<NVVM::Barrier0Op> all;
      module.walk([&](NVVM::Barrier0Op barrier) { all.push_back(barrier); });
      all[missing].erase();
    });
    // Whoever comes first: the reader finds nothing yet, the writer finds that somebody has read.
    EXPECT_THAT(std::string(result.status().message()),
                AnyOf(HasSubstr("no barrier lies between"),
                      HasSubstr("which no thread of the block wrote")))
        << "without barrier " << missing;
  }
}

// Rows beyond the count multiplied by 0 instead of being zeros: NaN stays NaN.
TEST_F(BrokenProduct, AMaskThatIsMultipliedInIsCaught) {
  size_t masks = 0;
  absl::StatusOr<std::vector<Words>> result = run([&](ModuleOp module) {
    module.walk([&](LLVM::CondBrOp branch) {
      Block *load = branch.getTrueDest(), *zero = branch.getFalseDest();
      auto loaded = dyn_cast<LLVM::BrOp>(load->getTerminator());
      auto filled = dyn_cast<LLVM::BrOp>(zero->getTerminator());
      if (!loaded || !filled || loaded.getDest() != filled.getDest() ||
          loaded->getNumOperands() != 1)
        return;
      OpBuilder b(loaded);
      Location place = loaded.getLoc();
      Type type = loaded->getOperand(0).getType();
      Value one = LLVM::ConstantOp::create(b, place, b.getF32FloatAttr(1));
      Value none = LLVM::ConstantOp::create(b, place, b.getF32FloatAttr(0));
      Value mask = LLVM::SelectOp::create(b, place, branch.getCondition(), one, none);
      if (auto vector = dyn_cast<VectorType>(type)) {
        Value lanes = LLVM::PoisonOp::create(b, place, type);
        for (int32_t i = 0; i < vector.getNumElements(); ++i)
          lanes = LLVM::InsertElementOp::create(
              b, place, lanes, mask, LLVM::ConstantOp::create(b, place, b.getI32IntegerAttr(i)));
        mask = lanes;
      }
      loaded->setOperand(0, LLVM::FMulOp::create(b, place, loaded->getOperand(0), mask));
      b.setInsertionPoint(branch);
      LLVM::BrOp::create(b, place, load);
      branch.erase();
      ++masks;
    });
  });
  ASSERT_GT(masks, 0u);
  ASSERT_TRUE(result.ok()) << result.status();
  for (float value : result->front().asFloats()) ASSERT_TRUE(std::isnan(value));
}

}  // namespace
