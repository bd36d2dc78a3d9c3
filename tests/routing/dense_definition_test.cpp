// Dynamic routing against its dense, masked definition: 200 random configurations, values and
// gradients, ties included.
#include "tests/routing/dense_definition.h"

#include <cmath>
#include <random>

#include "mlir/Parser/Parser.h"
#include "passes/lowering/Passes.h"
#include "tests/routing/routing_fixture.h"

namespace mlir::hydra {
namespace {

constexpr int kConfigurations = 200;
// Both programs compute in float64.
constexpr double kTolerance = 1e-9;

class DenseDefinitionTest : public DifferentiatedRoutingTest {
 protected:
  DenseDefinitionTest() {
    DialectRegistry registry;
    registry.insert<HydraDialect, func::FuncDialect>();
    context_.appendDialectRegistry(registry);
    context_.loadAllAvailableDialects();
  }

  OwningOpRef<ModuleOp> compile(const std::string& text, bool routed) {
    auto module = parseSourceString<ModuleOp>(text, ParserConfig(&context_));
    EXPECT_TRUE(module) << text;
    if (!module) return module;
    PassManager manager(&context_);
    if (routed) {
      manager.addPass(createRouteDynamic());
      manager.addPass(createLowerModel());
    }
    manager.addPass(createHydraDifferentiate());
    EXPECT_TRUE(succeeded(manager.run(*module))) << text;
    return module;
  }

  int64_t draw(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(generator_() % static_cast<uint64_t>(high - low + 1));
  }
  double normal() { return std::normal_distribution<double>()(generator_); }

  RoutedSizes randomSizes() {
    RoutedSizes n;
    n.batch = draw(1, 3);
    n.sequence = draw(1, 7);
    n.width = draw(2, 5);
    n.hidden = draw(1, 4);
    n.passes = draw(1, 4);
    n.minDepth = draw(0, n.passes - 1);
    n.experts = draw(1, 4);
    n.choices = draw(1, n.experts);
    // k of S: one and all of them often.
    int64_t k = draw(0, 2) == 0 ? 1 : draw(0, 1) == 0 ? n.sequence : draw(1, n.sequence);
    n.selected = k;
    n.capacity = std::min(1.0, (static_cast<double>(k) + 0.5) / static_cast<double>(n.sequence));
    return n;
  }

  // Every float argument. Recursion routers may send all tokens to the least or the greatest depth;
  // some tokens equal others, so that their scores tie.
  NamedTensors randomInputs(func::FuncOp function, const RoutedSizes& n) {
    int64_t depths = draw(0, 3);  // 0: all least, 1: all greatest
    bool ties = draw(0, 1) == 0;
    NamedTensors inputs;
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      auto binding = function.getArgAttrOfType<BindingAttr>(i, kBindingAttrName);
      StringRef name = binding.getName().getValue();
      TensorValue value =
          TensorValue::zeros(cast<RankedTensorType>(function.getArgument(i).getType()));
      for (int64_t e = 0; e < value.size(); ++e)
        value[e] = name.contains("norm") ? 1 + 0.2 * normal() : normal();
      if (name.ends_with("mor_router.router.bias") && depths < 2) value[0] = depths ? 30 : -30;
      if (name == "x" && ties)
        for (int64_t row = 0; row < value.rows(); ++row)
          if (int64_t first = row / n.sequence * n.sequence; row > first && draw(0, 1) == 0)
            std::copy_n(value.row(draw(first, row - 1)), n.width, value.row(row));
      inputs[argumentKey(function, i)] = value;
    }
    return inputs;
  }

  std::mt19937 generator_{20};
};

TEST_F(DenseDefinitionTest, ValuesAndGradientsAgree) {
  for (int configuration = 0; configuration < kConfigurations; ++configuration) {
    RoutedSizes n = randomSizes();
    SCOPED_TRACE("configuration " + std::to_string(configuration) + "\n" + structuralText(n));
    auto dense = compile(denseText(n), false), routed = compile(structuralText(n), true);
    ASSERT_TRUE(dense && routed);
    auto expectedFunction = *dense->getOps<func::FuncOp>().begin();
    auto routedFunction = *routed->getOps<func::FuncOp>().begin();
    NamedTensors inputs = randomInputs(expectedFunction, n);
    NamedTensors expected = interpretInDouble(expectedFunction, inputs),
                 actual = interpretInDouble(routedFunction, inputs);
    ASSERT_GT(expected.size(), 10u);
    for (const auto& [name, want] : expected) {
      ASSERT_TRUE(actual.count(name)) << name;
      const TensorValue& have = actual.at(name);
      double largest = 1;
      for (int64_t i = 0; i < want.size(); ++i) largest = std::max(largest, std::fabs(want[i]));
      for (int64_t i = 0; i < want.size(); ++i)
        ASSERT_NEAR(have[i], want[i], kTolerance * largest) << name << " at " << i;
    }
  }
}

}  // namespace
}  // namespace mlir::hydra
