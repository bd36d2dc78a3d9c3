// What tests of routed programs share: a context that differentiates, and runs in float64.
#ifndef HYDRA_TESTS_ROUTING_ROUTING_FIXTURE_H
#define HYDRA_TESTS_ROUTING_ROUTING_FIXTURE_H

#include "mlir/Transforms/Passes.h"
#include "passes/autodiff/Derivatives.h"
#include "passes/autodiff/Passes.h"
#include "passes/routing/Passes.h"
#include "tests/lowering/lowering_fixture.h"

namespace mlir::hydra {

class DifferentiatedRoutingTest : public RoutingTest {
 protected:
  DifferentiatedRoutingTest() {
    DialectRegistry registry;
    registerDerivativeExternalModels(registry);
    context_.appendDialectRegistry(registry);
    static const bool registered = [] {
      registerTransformsPasses();
      registerHydraRoutingPasses();
      registerHydraAutodiffPasses();
      return true;
    }();
    (void)registered;
  }

  // Results of the function in float64; empty after a failure.
  static NamedTensors interpretInDouble(func::FuncOp function, const NamedTensors& inputs) {
    InterpretOptions options;
    options.precision = Precision::float64;
    auto results = interpretFunction(function, inputs, options);
    EXPECT_TRUE(succeeded(results));
    return succeeded(results) ? *results : NamedTensors();
  }
};

}  // namespace mlir::hydra

#endif  // HYDRA_TESTS_ROUTING_ROUTING_FIXTURE_H
