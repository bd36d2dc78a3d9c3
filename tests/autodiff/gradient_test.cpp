// Every derivative against central differences, for several seeds and row counts.
#include <set>

#include "gtest/gtest.h"
#include "tests/autodiff/gradient_check.h"

namespace mlir::hydra {
namespace {

class GradientTest : public ::testing::TestWithParam<GradientCase> {};

TEST_P(GradientTest, AgreesWithCentralDifferences) {
  for (int32_t rows : GetParam().rows)
    for (uint32_t seed : {1u, 2u, 3u}) {
      SCOPED_TRACE("rows " + std::to_string(rows) + ", seed " + std::to_string(seed));
      checkGradients(GetParam(), seed, rows);
    }
}

std::string caseName(const ::testing::TestParamInfo<GradientCase>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Elementwise, GradientTest, ::testing::ValuesIn(elementwiseCases()),
                         caseName);
INSTANTIATE_TEST_SUITE_P(Broadcast, GradientTest, ::testing::ValuesIn(broadcastCases()), caseName);
INSTANTIATE_TEST_SUITE_P(Matmul, GradientTest, ::testing::ValuesIn(matmulCases()), caseName);
INSTANTIATE_TEST_SUITE_P(Row, GradientTest, ::testing::ValuesIn(rowCases()), caseName);
INSTANTIATE_TEST_SUITE_P(Sequence, GradientTest, ::testing::ValuesIn(sequenceCases()), caseName);
INSTANTIATE_TEST_SUITE_P(Move, GradientTest, ::testing::ValuesIn(moveCases()), caseName);
INSTANTIATE_TEST_SUITE_P(Routing, GradientTest, ::testing::ValuesIn(routingCases()), caseName);
INSTANTIATE_TEST_SUITE_P(Composite, GradientTest, ::testing::ValuesIn(compositeCases()), caseName);

bool isPrimitive(RegisteredOperationName name) { return name.hasTrait<PrimitiveTier>(); }

TEST(DerivativeCoverage, EveryPrimitiveHasADerivativeOrSaysThatItHasNone) {
  DerivativeContext context;
  int primitives = 0;
  for (RegisteredOperationName name : context.get().getRegisteredOperations()) {
    if (!isPrimitive(name)) continue;
    ++primitives;
    EXPECT_NE(name.hasInterface<DifferentiableOpInterface>(), name.hasTrait<NotDifferentiable>())
        << name.getStringRef().str() << " must have exactly one of the two";
  }
  EXPECT_GT(primitives, 30);
}

TEST(DerivativeCoverage, EveryDerivativeIsCheckedByACase) {
  DerivativeContext context;
  std::set<std::string> checked;
  for (const GradientCase& gradientCase : allCases()) {
    OwningOpRef<ModuleOp> module = context.parse(gradientCase.source);
    ASSERT_TRUE(module) << gradientCase.name;
    module->walk([&](Operation* op) { checked.insert(op->getName().getStringRef().str()); });
  }
  for (RegisteredOperationName name : context.get().getRegisteredOperations()) {
    if (!isPrimitive(name) || !name.hasInterface<DifferentiableOpInterface>()) continue;
    EXPECT_TRUE(checked.count(name.getStringRef().str()))
        << "no gradient case for " << name.getStringRef().str();
  }
}

}  // namespace
}  // namespace mlir::hydra
