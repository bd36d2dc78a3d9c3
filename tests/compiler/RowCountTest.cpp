// Row counts around the tiles that the planner chose, on a routed MLP of several tiles.
#include <set>

#include "dialects/plan/KernelWork.h"
#include "dialects/plan/PlanDialect.h"
#include "gtest/gtest.h"
#include "tests/compiler/ProgramRunner.h"

namespace mlir::hydra::testing {
namespace {

// Rows are gathered, transformed and put back; two counts, of which the second is drawn.
constexpr char kRouted[] = R"mlir(
func.func @program(%x: tensor<300x192xf32>, %index: tensor<300xi32>, %n: tensor<i32>, %m: tensor<i32>,
                   %g: tensor<192xf32>, %up: tensor<1024x192xf32>, %down: tensor<192x512xf32>)
    -> (tensor<300x192xf32>, tensor<300x192xf32>, tensor<f32>) attributes {hydra.vjp} {
  %s = hydra.gather_rows %x, %index, %n : (tensor<300x192xf32>, tensor<300xi32>, tensor<i32>) -> tensor<300x192xf32>
  %h = hydra.rms_norm %s, %g, %n {eps = 1.0e-3 : f64} : (tensor<300x192xf32>, tensor<192xf32>, tensor<i32>) -> tensor<300x192xf32>
  %u = hydra.matmul %h, %up rows %n {transpose_b} : (tensor<300x192xf32>, tensor<1024x192xf32>, tensor<i32>) -> tensor<300x1024xf32>
  %a = hydra.swiglu %u, %n : (tensor<300x1024xf32>, tensor<i32>) -> tensor<300x512xf32>
  %d = hydra.matmul %a, %down rows %n {transpose_b} : (tensor<300x512xf32>, tensor<192x512xf32>, tensor<i32>) -> tensor<300x192xf32>
  %y = hydra.binary <add> %s, %d, %n : (tensor<300x192xf32>, tensor<300x192xf32>, tensor<i32>) -> tensor<300x192xf32>
  %r = hydra.scatter_rows %y, %index accumulate %x rows %n {size = 300 : i64, scale = 1.0 : f64} : (tensor<300x192xf32>, tensor<300xi32>, tensor<300x192xf32>, tensor<i32>) -> tensor<300x192xf32>
  %q = hydra.unary <square> %r, %m : (tensor<300x192xf32>, tensor<i32>) -> tensor<300x192xf32>
  %sum = hydra.reduce <sum> <all> %q, %m : (tensor<300x192xf32>, tensor<i32>) -> tensor<f32>
  return %r, %y, %sum : tensor<300x192xf32>, tensor<300x192xf32>, tensor<f32>
}
)mlir";

GeneratedProgram routedProgram() {
  GeneratedProgram program;
  program.text = kRouted;
  program.arguments = {{{300, 192}, false, -1, 1, false},
                       {{300}, true, 0, 299, false},
                       {{}, true, 0, 0, true},
                       {{}, true, 0, 0, true},
                       {{192}, false, 0.5, 1.5, false},
                       {{1024, 192}, false, -0.1, 0.1, false},
                       {{192, 512}, false, -0.1, 0.1, false}};
  program.results = {{false, -1}, {false, 2}, {false, -1}};
  program.maximumRows = 300;
  return program;
}

TEST(RowCount, AroundThePlannedTiles) {
  CompilerHarness compiler;
  std::string spec = testDirectory("random_programs") + "/routed_plan.mlir";
  writeText(spec, kRouted);
  OwningOpRef<ModuleOp> module = compiler.lower(spec, Stage::plan, {});
  ASSERT_TRUE(module);
  std::set<int64_t> tiles = {plan::kRowTile};
  int counted = 0, divided = 0;
  module->walk([&](plan::MatmulOp op) {
    if (!op.getRows()) return;
    ++counted;
    int64_t tile = op.getTileM();
    if (op.getRowsBoundK() || tile >= 300) return;
    ++divided;
    tiles.insert(tile);
  });
  // Forward, and with respect to both operands; some in several tiles of rows.
  EXPECT_EQ(counted, 6);
  EXPECT_GE(divided, 1);
  ProgramStatistics statistics;
  ProgramRunner("routed", routedProgram(), 1).run(compiler, tiles, statistics);
  EXPECT_GE(statistics.runs, static_cast<int>(3 * tiles.size()));
  std::printf("%d runs, largest deviation %.2g of a tensor's maximum\n", statistics.runs,
              statistics.worst);
  EXPECT_EQ(statistics.illConditioned, 0);
}

}  // namespace
}  // namespace mlir::hydra::testing
