// Generated programs on the CPU and in the interpreter; see ProgramRunner.h for the bound.
#include <cmath>
#include <cstdlib>
#include <map>
#include <random>

#include "gtest/gtest.h"
#include "tests/compiler/Comparison.h"
#include "tests/compiler/CompilerHarness.h"
#include "tests/compiler/ProgramGenerator.h"
#include "tests/compiler/ProgramRunner.h"

namespace mlir::hydra::testing {
namespace {

constexpr double kTolerance = kProgramTolerance;
constexpr uint64_t kPrograms = 120, kChains = 180;
// Rows of a tile of most kernels, and of large matrix products.
const std::set<int64_t> kTiles = {8, 64};
// Of every operation, at least.
constexpr int kUses = 8, kUsesWithRowCount = 5;

// HYDRA_RANDOM_SEEDS=FIRST:COUNT runs other programs than the usual ones.
std::pair<uint64_t, uint64_t> seeds() {
  const char* text = std::getenv("HYDRA_RANDOM_SEEDS");
  unsigned long long first = 1, count = kPrograms;
  if (text && std::sscanf(text, "%llu:%llu", &first, &count) < 1)
    ADD_FAILURE() << "HYDRA_RANDOM_SEEDS: expected FIRST:COUNT, found " << text;
  return {first, count};
}

TEST(RandomProgram, CpuEqualsInterpreter) {
  CompilerHarness compiler;
  ProgramStatistics statistics;
  auto [first, count] = seeds();
  for (uint64_t seed = first; seed < first + count; ++seed)
    ProgramRunner("seed_" + std::to_string(seed), generateProgram(seed), seed)
        .run(compiler, kTiles, statistics);
  std::printf(
      "%llu programs, %d runs, %d outputs with %lld elements; largest deviation %.2g of a "
      "tensor's maximum; %d ill-conditioned outputs\n",
      static_cast<unsigned long long>(count), statistics.runs, statistics.outputs,
      static_cast<long long>(statistics.elements), statistics.worst, statistics.illConditioned);
  for (const auto& [name, uses] : statistics.operations)
    std::printf("  %-28s %d\n", name.c_str(), uses);
  for (const auto& [name, uses] : statistics.counted)
    std::printf("  %-28s %d with a row count\n", name.c_str(), uses);
  EXPECT_LE(statistics.illConditioned * 200, statistics.outputs);
  if (std::getenv("HYDRA_RANDOM_SEEDS")) return;
  // Every primitive occurs, itself or as somebody's gradient; those of routing, whose integers must
  // fit each other, in RoutedProgramTest.cpp; sample, which no rounding may reach, in
  // tests/codegen/SampleTest.cpp; and after, which only rematerialisation makes, in tests/remat.
  const std::set<std::string> elsewhere = {
      "hydra.top_k",       "hydra.counting_sort",  "hydra.nonzero",
      "hydra.merge_rows",  "hydra.grouped_matmul", "hydra.grouped_weight_grad",
      "hydra.prefix_rank", "hydra.sample",         "hydra.after"};
  for (RegisteredOperationName name : compiler.context().getRegisteredOperations())
    if (name.hasTrait<PrimitiveTier>()) {
      std::string op = name.getStringRef().str();
      if (elsewhere.count(op)) continue;
      EXPECT_GE(statistics.operations[op], kUses) << op;
    }
  for (const char* name :
       {"binary", "broadcast", "cast", "concat", "embedding", "gather_rows", "head_mix", "l2_norm",
        "matmul", "reduce", "rms_norm", "scatter_rows", "select", "split", "swiglu", "unary"})
    EXPECT_GE(statistics.counted[name], kUsesWithRowCount) << name << " with a row count";
}

// Fused, apart and interpreted, the same; kernels as many fewer as the ledger says.
TEST(RandomProgram, FusedChainsEqualUnfused) {
  CompilerHarness compiler;
  ProgramStatistics statistics;
  for (uint64_t seed = 1; seed <= kChains; ++seed) {
    ProgramRunner runner("chain_" + std::to_string(seed),
                         generateProgram(seed, ProgramKind::chains), seed);
    runner.compareWithUnfused();
    runner.run(compiler, kTiles, statistics);
  }
  std::printf("%d runs, %d outputs; largest deviation %.2g; %lld launches apart, %lld fused\n",
              statistics.runs, statistics.outputs, statistics.worst,
              static_cast<long long>(statistics.launchesApart),
              static_cast<long long>(statistics.launches));
  EXPECT_LE(statistics.illConditioned * 100, statistics.outputs);
  EXPECT_LT(2 * statistics.launches, statistics.launchesApart);
}

// Whether some output of a program shows that one of its inputs is a little wrong.
TEST(RandomProgram, WrongInputIsNoticed) {
  std::string directory = testDirectory("random_programs");
  std::string spec = directory + "/wrong_input.mlir", artifact = directory + "/wrong_input.hydra";
  writeText(spec, R"mlir(
func.func @program(%x: tensor<9x7xf32>, %w: tensor<5x7xf32>) -> tensor<9x5xf32> attributes {hydra.vjp} {
  %y = hydra.matmul %x, %w {transpose_b} : (tensor<9x7xf32>, tensor<5x7xf32>) -> tensor<9x5xf32>
  %z = hydra.unary <silu> %y : (tensor<9x5xf32>) -> tensor<9x5xf32>
  return %z : tensor<9x5xf32>
}
)mlir");
  CompilerHarness compiler;
  OwningOpRef<ModuleOp> derivative = compiler.lower(spec, Stage::autodiff, {});
  ASSERT_TRUE(derivative && compiler.compile(spec, {}, artifact));
  NamedTensors inputs;
  std::mt19937_64 random(3);
  for (auto [key, shape] : {std::pair<std::string, std::vector<int64_t>>{"arg0", {9, 7}},
                            {"arg1", {5, 7}},
                            {"cotangent.result0", {9, 5}}}) {
    TensorValue tensor(ElementKind::f32, shape);
    for (int64_t i = 0; i < tensor.size(); ++i) tensor[i] = 2 * uniform(random) - 1;
    tensor.round();
    inputs.emplace("input/" + key, tensor);
  }
  NamedTensors expected =
      compiler.interpret(*derivative->getOps<func::FuncOp>().begin(), inputs, Precision::float32);
  absl::StatusOr<CpuProgram> device = CpuProgram::open(artifact, 1, /*validate=*/true);
  ASSERT_TRUE(device.ok()) << device.status();
  auto worst = [&] {
    absl::StatusOr<NamedTensors> actual = device->run("program", 0, 0, inputs);
    EXPECT_TRUE(actual.ok()) << actual.status();
    double result = 0;
    for (const auto& [key, tensor] : expected)
      result = std::max(result, compareTensors(tensor, actual->at(key)).relative());
    return result;
  };
  EXPECT_LE(worst(), kTolerance);
  inputs.at("input/arg1")[11] += 1e-3;
  EXPECT_GT(worst(), kTolerance);
}

TEST(RandomProgram, GeneratorIsDeterministic) {
  for (uint64_t seed : {1u, 2u, 77u}) {
    GeneratedProgram a = generateProgram(seed), b = generateProgram(seed);
    EXPECT_EQ(a.text, b.text);
    EXPECT_GE(a.operations, 5);
  }
  EXPECT_NE(generateProgram(1).text, generateProgram(2).text);
}

// The same seed draws the same programs with every compiler and library: no distribution of the
// standard library, and no two draws in one expression without an order. A change of the generator
// changes this number; it must be the same with g++ and clang.
TEST(RandomProgram, GeneratorIsTheSameEverywhere) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (uint64_t seed = 1; seed <= kPrograms; ++seed)
    for (unsigned char c : generateProgram(seed).text) hash = (hash ^ c) * 0x100000001b3u;
  EXPECT_EQ(hash, 0x6ad9dde33ec4c517u);
}

// The comparison notices what it is there for.
TEST(RandomProgram, ComparisonCanFail) {
  TensorValue expected(ElementKind::f32, {4, 3}, 1.0);
  TensorValue moved = expected;
  moved[7] += 1e-4;
  EXPECT_EQ(compareTensors(expected, expected).difference, 0);
  Deviation deviation = compareTensors(expected, moved);
  EXPECT_EQ(deviation.index, 7);
  EXPECT_GT(deviation.relative(), kTolerance);
  // Behind the row count anything goes; before it, nothing does.
  EXPECT_EQ(compareTensors(expected, moved, 2).difference, 0);
  EXPECT_GT(compareTensors(expected, moved, 3).relative(), kTolerance);
  TensorValue poisoned = expected;
  poisoned.poisonRows(2);
  EXPECT_TRUE(std::isinf(compareTensors(expected, poisoned).difference));
  EXPECT_TRUE(std::isinf(compareTensors(poisoned, poisoned).difference));
  EXPECT_EQ(compareTensors(poisoned, expected, 2).difference, 0);
  EXPECT_TRUE(
      std::isinf(compareTensors(expected, TensorValue(ElementKind::f32, {3, 4}, 1.0)).difference));
}

}  // namespace
}  // namespace mlir::hydra::testing
