// Every primitive has an interpretation.
#include "compiler/interpreter/Interpreter.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

TEST(InterpreterCoverage, EveryPrimitiveAndFusionCanBeInterpreted) {
  DialectRegistry registry;
  registry.insert<HydraDialect, func::FuncDialect>();
  registerInterpreterExternalModels(registry);
  MLIRContext context(registry);
  context.loadAllAvailableDialects();
  int64_t checked = 0;
  for (RegisteredOperationName name : context.getRegisteredOperationsByDialect("hydra")) {
    if (!name.hasTrait<PrimitiveTier>() && !name.hasTrait<FusedTier>()) continue;
    ++checked;
    EXPECT_TRUE(name.hasInterface<InterpretableOpInterface>())
        << name.getStringRef().str()
        << " has no interpretation: add a rule to compiler/interpreter";
  }
  EXPECT_GT(checked, 30);
}

}  // namespace
