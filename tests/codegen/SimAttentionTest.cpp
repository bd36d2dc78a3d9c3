// The kernels of attention and its gradient for GPUs on the simulated device, against the
// interpreter: the cases of the CPUs; and what is caught when a kernel is broken.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dialects/plan/AttentionBlocks.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "runtime/base/cpu_level.h"
#include "tests/codegen/OpComparison.h"
#include "tests/codegen/SimHarness.h"

using namespace mlir;
using namespace mlir::hydra;
using namespace mlir::hydra::testing;
using ::testing::AnyOf;
using ::testing::HasSubstr;

namespace {

class SimAttention : public ::testing::TestWithParam<OpCase> {
 protected:
  void SetUp() override {
    if (!simLevel()) GTEST_SKIP() << "this machine runs no supported level";
  }
};

TEST_P(SimAttention, AgreesWithTheInterpreter) {
  OpCase item = GetParam();
  // A product of float32 is three of tf32: it rounds three times where a chain of fused ones does
  // once.
  if (!item.half) item.tolerance *= 2;
  if (item.half && !::hydra::FindCpuLevel(simLevel()->name.str())->bf16_matmul)
    GTEST_SKIP() << "this machine does not round to bf16";
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
}

// Of attention that reads a cache, narrow heads: every thread is run twice.
std::vector<OpCase> simAttentionCases() {
  std::vector<OpCase> cases = attentionCases();
  llvm::erase_if(cases, [](const OpCase& item) {
    bool cached = item.text.find(" position ") != std::string::npos;
    return cached && item.name.find("x16_") == std::string::npos &&
           item.name.find("x32_") == std::string::npos &&
           item.name.find("x18_") == std::string::npos;
  });
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Cases, SimAttention, ::testing::ValuesIn(simAttentionCases()),
                         [](const ::testing::TestParamInfo<OpCase>& info) {
                           return info.param.name;
                         });

// Without any one of its barriers a kernel is refused, whatever it computes.
class BrokenAttention : public SimAttention {
 protected:
  static void checkEveryBarrier(const std::string& text, OpCase::Prepare what, size_t expected) {
    auto run = [&](const SimEdit& edit) {
      KernelHarness harness(text, plan::Workers::blocks);
      OpCase item;
      std::vector<Words> inputs = randomInputs(harness.function(), item);
      prepare(harness.function(), what, inputs);
      return runOnSim(harness, inputs, {}, edit);
    };
    size_t barriers = 0;
    absl::StatusOr<std::vector<Words>> whole =
        run([&](ModuleOp module) { module.walk([&](NVVM::Barrier0Op) { ++barriers; }); });
    ASSERT_TRUE(whole.ok()) << whole.status();
    ASSERT_EQ(barriers, expected);
    for (size_t missing = 0; missing < barriers; ++missing) {
      absl::StatusOr<std::vector<Words>> result = run([&](ModuleOp module) {
        std::vector<NVVM::Barrier0Op> all;
        module.walk([&](NVVM::Barrier0Op barrier) { all.push_back(barrier); });
        all[missing].erase();
      });
      EXPECT_THAT(std::string(result.status().message()),
                  AnyOf(HasSubstr("no barrier lies between"),
                        HasSubstr("which no thread of the block wrote")))
          << "without barrier " << missing;
    }
  }
};

// Wide heads, so that both kinds of blocks, with a mask and without, come several times.
TEST_F(BrokenAttention, EveryMissingBarrierIsCaught) {
  const std::string x = "tensor<1x200x96xf32>", l = "tensor<1x200x1xf32>";
  const std::string attributes = " {heads = 1, kv_heads = 1, scale = 0.1 : f64} : ";
  checkEveryBarrier("func.func @f(%q: " + x + ", %k: " + x + ", %v: " + x + ") -> (" + x + ", " +
                        l + ") {\n  %r:2 = hydra.attention %q, %k, %v" + attributes + "(" + x +
                        ", " + x + ", " + x + ") -> (" + x + ", " + l +
                        ")\n  return %r#0, %r#1 : " + x + ", " + l + "\n}",
                    OpCase::Prepare::none, 4);
  const std::string five = x + ", " + x + ", " + x + ", " + x + ", " + x,
                    three = x + ", " + x + ", " + x;
  checkEveryBarrier("func.func @f(%d: " + x + ", %q: " + x + ", %k: " + x + ", %v: " + x +
                        ", %y: " + x + ", %l: " + l + ") -> (" + three +
                        ") {\n  %r:3 = hydra.attention_grad %d, %q, %k, %v, %y, %l" + attributes +
                        "(" + five + ", " + l + ") -> (" + three +
                        ")\n  return %r#0, %r#1, %r#2 : " + three + "\n}",
                    OpCase::Prepare::attention, 8);
}

TEST_F(BrokenAttention, HeadsThatAreTooWideAreRefused) {
  const std::string x = "tensor<1x4x264xf32>", l = "tensor<1x4x1xf32>";
  KernelHarness harness("func.func @f(%q: " + x + ") -> (" + x + ", " + l +
                            ") {\n  %r:2 = hydra.attention %q, %q, %q {heads = 1, kv_heads = 1, "
                            "scale = 0.1 : f64} : (" +
                            x + ", " + x + ", " + x + ") -> (" + x + ", " + l +
                            ")\n  return %r#0, %r#1 : " + x + ", " + l + "\n}",
                        plan::Workers::blocks);
  EXPECT_FALSE(runOnSim(harness, randomInputs(harness.function(), OpCase())).ok());
  EXPECT_THAT(harness.messages(), HasSubstr("heads of 264 columns; code for GPUs is for at most"));
}

// What a launch takes, for every width up to the widest: shared memory that every GPU has, and
// panels that hold whole products.
TEST(AttentionBlocks, FitEveryWidth) {
  for (const char* element : {"f32", "bf16"})
    for (int64_t width = 2; width <= plan::kMostBlockWidth; width += 2) {
      const std::string x = "tensor<2x70x" + std::to_string(2 * width) + "x";
      const std::string k = "tensor<2x70x" + std::to_string(width) + "x", l = "tensor<2x70x2xf32>";
      const std::string q = x + element + ">", y = x + "f32>", v = k + element + ">";
      const std::string results = y + ", " + k + "f32>, " + k + "f32>";
      KernelHarness harness(
          "func.func @f(%d: " + q + ", %q: " + q + ", %k: " + v + ", %v: " + v + ", %y: " + y +
              ", %l: " + l + ") -> (" + results +
              ") {\n  %r:3 = hydra.attention_grad %d, %q, %k, %v, %y, %l {heads = 2, kv_heads = 1, "
              "scale = 0.1 : f64} : (" +
              q + ", " + q + ", " + v + ", " + v + ", " + y + ", " + l + ") -> (" + results +
              ")\n  return %r#0, %r#1, %r#2 : " + results + "\n}",
          plan::Workers::blocks);
      Operation* op = &harness.kernel().getBody().front().front();
      for (int stage : {0, 1}) {
        plan::AttentionBlocks blocks = plan::attentionBlocks(op, stage);
        EXPECT_LE(blocks.sharedBytes, 48 << 10) << element << width;
        EXPECT_LE(blocks.threads(), 128);
        EXPECT_GE(blocks.columns, width);
        EXPECT_EQ(blocks.partColumns() % blocks.step, 0);
        EXPECT_EQ(blocks.stream % blocks.step, 0);
      }
    }
}

}  // namespace
