// Routed programs on the CPU against the interpreter: experts on groups of rows, tokens selected by
// score, passes over prefixes in the order of depth. Values, gradients, 1, 2 and 4 threads.
#include "gtest/gtest.h"
#include "llvm/ADT/StringExtras.h"
#include "tests/compiler/ProgramRunner.h"

namespace mlir::hydra::testing {
namespace {

std::string number(int64_t value) { return std::to_string(value); }

void runProgram(const std::string& name, const GeneratedProgram& program,
                const std::set<int64_t>& tiles = {}) {
  CompilerHarness compiler;
  for (uint64_t seed : {1, 2, 3}) {
    ProgramStatistics statistics;
    ProgramRunner(name, program, seed).run(compiler, tiles, statistics);
    EXPECT_GE(statistics.runs, 1);
    EXPECT_EQ(statistics.illConditioned, 0);
  }
}

// `experts` SwiGLU experts of width 24 on `tokens` rows whose keys are drawn from low .. high, so
// that the others stay idle. `apart`: an argument between the weights, so that they are not equally
// far apart.
GeneratedProgram expertsProgram(int64_t tokens, int64_t experts, int64_t low, int64_t high,
                                bool apart) {
  std::string x = "tensor<" + number(tokens) + "x24xf32>",
              key = "tensor<" + number(tokens) + "xi32>";
  std::string wide = "tensor<" + number(tokens) + "x80xf32>";
  std::string half = "tensor<" + number(tokens) + "x40xf32>";
  std::string up = "tensor<80x24xf32>", down = "tensor<24x40xf32>";
  std::string offsets = "tensor<" + number(experts + 1) + "xi32>";
  GeneratedProgram program;
  std::string arguments = "%x: " + x + ", %key: " + key;
  program.arguments = {
      {{tokens, 24}, false, -1, 1, false},
      {{tokens}, true, static_cast<double>(low), static_cast<double>(high), false}};
  std::vector<std::string> ups, downs, upTypes, downTypes;
  for (int64_t e = 0; e < experts; ++e) {
    ups.push_back("%up" + number(e));
    downs.push_back("%down" + number(e));
    upTypes.push_back(up);
    downTypes.push_back(down);
    arguments += ", " + ups.back() + ": " + up + ", " + downs.back() + ": " + down;
    program.arguments.push_back({{80, 24}, false, -0.3, 0.3, false});
    program.arguments.push_back({{24, 40}, false, -0.3, 0.3, false});
    if (apart && e == 0) {
      arguments += ", %between: tensor<1000xf32>";
      program.arguments.push_back({{1000}, false, -1, 1, false});
    }
  }
  std::string between = apart ? ", %between" : "", betweenType = apart ? ", tensor<1000xf32>" : "";
  program.text = "func.func @program(" + arguments + ") -> (" + x + betweenType +
                 ") attributes {hydra.vjp} {\n"
                 "%order, %offsets = hydra.counting_sort %key {classes = " +
                 number(experts) + " : i64} : (" + key + ") -> (" + key + ", " + offsets +
                 ")\n"
                 "%s = hydra.gather_rows %x, %order {unique} : (" +
                 x + ", " + key + ") -> " + x +
                 "\n"
                 "%u = hydra.grouped_matmul %s, %offsets, " +
                 llvm::join(ups, ", ") + " {transpose_b} : (" + x + ", " + offsets + ", " +
                 llvm::join(upTypes, ", ") + ") -> " + wide +
                 "\n"
                 "%a = hydra.swiglu %u : (" +
                 wide + ") -> " + half +
                 "\n"
                 "%d = hydra.grouped_matmul %a, %offsets, " +
                 llvm::join(downs, ", ") + " {transpose_b} : (" + half + ", " + offsets + ", " +
                 llvm::join(downTypes, ", ") + ") -> " + x +
                 "\n"
                 "%y = hydra.scatter_rows %d, %order {size = " +
                 number(tokens) + " : i64, scale = 1.0 : f64, unique} : (" + x + ", " + key +
                 ") -> " + x +
                 "\n"
                 "return %y" +
                 between + " : " + x + betweenType + "\n}\n";
  program.results.push_back({false, -1});
  if (apart) program.results.push_back({false, -1});
  return program;
}

TEST(RoutedProgram, ExpertsWorkOnTheirRows) {
  runProgram("experts", expertsProgram(70, 5, 0, 4, false));
}
TEST(RoutedProgram, SomeExpertsAreIdle) {
  runProgram("idle_experts", expertsProgram(45, 5, 1, 2, false));
}
TEST(RoutedProgram, OneExpertHasEverything) {
  runProgram("one_expert", expertsProgram(33, 3, 2, 2, false));
}
TEST(RoutedProgram, WeightsNeedNotBeEquallyFarApart) {
  runProgram("experts_apart", expertsProgram(70, 4, 0, 3, true));
}
// More rows than one tile, groups that end inside of tiles.
TEST(RoutedProgram, GroupsOfSeveralTiles) {
  runProgram("many_tokens", expertsProgram(1100, 3, 0, 2, false));
}

// Tokens of two sequences are selected by score and, of those, the active ones go through a matrix;
// the rest stays. Then a pass over the first `n` rows in the order of depth, merged into the state.
GeneratedProgram selectionProgram(int64_t k) {
  GeneratedProgram program;
  std::string chosen = number(2 * k);
  program.text = R"mlir(
func.func @program(%x: tensor<2x37x24xf32>, %score: tensor<2x37xf32>, %active: tensor<2x37xi32>, %depth: tensor<74xi32>,
                   %w: tensor<24x24xf32>) -> (tensor<2x37x24xf32>, tensor<74x24xf32>) attributes {hydra.vjp} {
  %index, %chosen = hydra.top_k %score {k = K : i64} : (tensor<2x37xf32>) -> (tensor<2xKxi32>, tensor<2x37xi32>)
  %both = hydra.binary <mul> %chosen, %active : (tensor<2x37xi32>, tensor<2x37xi32>) -> tensor<2x37xi32>
  %kept, %count = hydra.nonzero %both {capacity = C : i64} : (tensor<2x37xi32>) -> (tensor<Cxi32>, tensor<i32>)
  %flat = hydra.reshape %x {shape = array<i64: 74, 24>} : (tensor<2x37x24xf32>) -> tensor<74x24xf32>
  %rows = hydra.gather_rows %flat, %kept, %count {unique} : (tensor<74x24xf32>, tensor<Cxi32>, tensor<i32>) -> tensor<Cx24xf32>
  %y = hydra.matmul %rows, %w rows %count {transpose_b} : (tensor<Cx24xf32>, tensor<24x24xf32>, tensor<i32>) -> tensor<Cx24xf32>
  %put = hydra.scatter_rows %y, %kept rows %count {size = 74 : i64, scale = 1.0 : f64, unique} : (tensor<Cx24xf32>, tensor<Cxi32>, tensor<i32>) -> tensor<74x24xf32>
  %all = hydra.reshape %put {shape = array<i64: 2, 37, 24>} : (tensor<74x24xf32>) -> tensor<2x37x24xf32>
  %order, %offsets = hydra.counting_sort %depth {classes = 3 : i64} : (tensor<74xi32>) -> (tensor<74xi32>, tensor<4xi32>)
  %o:4 = hydra.split %offsets {sizes = array<i64: 1, 1, 1, 1>} : (tensor<4xi32>) -> (tensor<1xi32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>)
  %n = hydra.reshape %o#2 {shape = array<i64>} : (tensor<1xi32>) -> tensor<i32>
  %sorted = hydra.gather_rows %flat, %order {unique} : (tensor<74x24xf32>, tensor<74xi32>) -> tensor<74x24xf32>
  %d = hydra.matmul %sorted, %w rows %n {transpose_b} : (tensor<74x24xf32>, tensor<24x24xf32>, tensor<i32>) -> tensor<74x24xf32>
  %m = hydra.merge_rows %sorted, %d, %n : (tensor<74x24xf32>, tensor<74x24xf32>, tensor<i32>) -> tensor<74x24xf32>
  %a = hydra.merge_rows %m, %d, %n {accumulate} : (tensor<74x24xf32>, tensor<74x24xf32>, tensor<i32>) -> tensor<74x24xf32>
  return %all, %a : tensor<2x37x24xf32>, tensor<74x24xf32>
}
)mlir";
  for (auto [from, to] : {std::pair<std::string, std::string>{"Kxi32", number(k) + "xi32"},
                          {"k = K", "k = " + number(k)},
                          {"capacity = C", "capacity = " + chosen},
                          {"<Cx", "<" + chosen + "x"}})
    for (size_t at = 0; (at = program.text.find(from, at)) != std::string::npos; at += to.size())
      program.text.replace(at, from.size(), to);
  program.arguments = {{{2, 37, 24}, false, -1, 1, false},
                       {{2, 37}, false, -1, 1, false},
                       {{2, 37}, true, 0, 1, false},
                       {{74}, true, 0, 2, false},
                       {{24, 24}, false, -0.3, 0.3, false}};
  program.results = {{false, -1}, {false, -1}};
  return program;
}

TEST(RoutedProgram, TokensAreSelectedAndCompacted) {
  for (int64_t k : {1, 18, 37}) runProgram("selection_" + number(k), selectionProgram(k));
}

}  // namespace
}  // namespace mlir::hydra::testing
