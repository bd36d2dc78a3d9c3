// Loads specs and lowers them.
#ifndef HYDRA_TESTS_LOWERING_LOWERING_FIXTURE_H
#define HYDRA_TESTS_LOWERING_LOWERING_FIXTURE_H

#include <string>

#include "compiler/interpreter/Interpreter.h"
#include "dialects/hydra/HydraDialect.h"
#include "frontend/LoadSpec.h"
#include "gtest/gtest.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "passes/lowering/Passes.h"

namespace mlir::hydra {

class RoutingTest : public testing::Test {
 protected:
  RoutingTest() {
    DialectRegistry registry;
    registerInterpreterExternalModels(registry);
    context_.appendDialectRegistry(registry);
    static const bool registered = [] {
      registerHydraLoweringPasses();
      return true;
    }();
    (void)registered;
  }

  // The config or spec lowered with the options of hydra-lower-model; null after a failure.
  OwningOpRef<ModuleOp> lower(StringRef text, const std::string& options) {
    auto module = text.ltrim().starts_with("{") ? parseConfig(text, "config", context_)
                                                : parseSpec(text, "spec", context_);
    if (failed(module)) {
      ADD_FAILURE() << "the model does not parse";
      return nullptr;
    }
    PassManager manager(&context_);
    EXPECT_TRUE(succeeded(parsePassPipeline(
        "hydra-materialize-params,hydra-lower-model{" + options + "},hydra-verify-primitives",
        manager)));
    if (failed(manager.run(**module))) {
      ADD_FAILURE() << "lowering failed";
      return nullptr;
    }
    return std::move(*module);
  }

  MLIRContext context_;
};

}  // namespace mlir::hydra

#endif  // HYDRA_TESTS_LOWERING_LOWERING_FIXTURE_H
