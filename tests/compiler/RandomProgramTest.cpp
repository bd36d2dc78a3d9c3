// Generated programs on the CPU and in the interpreter: values and gradients.
//
// Bound: |cpu - interpreter| <= 2e-5 max|interpreter| for every output tensor; a gradient, which
// may be zero but for rounding errors, counts as at least a hundredth of the program's largest
// gradient. Some random programs subtract nearly equal numbers, so that float32 itself is worse
// than that: such a tensor may deviate by eight times what the float32 interpreter deviates from
// the float64 interpreter, and at most a twentieth of all tensors may need it. Integers and
// infinities are equal.
#include <cmath>
#include <cstdlib>
#include <map>
#include <random>

#include "gtest/gtest.h"
#include "tests/compiler/Comparison.h"
#include "tests/compiler/CompilerHarness.h"
#include "tests/compiler/ProgramGenerator.h"

namespace mlir::hydra::testing {
namespace {

constexpr double kTolerance = 2e-5, kRoundingFactor = 16;
constexpr uint64_t kPrograms = 120;
// Of every operation, at least.
constexpr int kUses = 8;

// 0, 1, around the tiles of kernels (8) and of matrix products (64), everything.
std::vector<int64_t> rowCountsUpTo(int64_t maximum) {
  std::vector<int64_t> counts;
  for (int64_t count : {int64_t{0}, int64_t{1}, int64_t{7}, int64_t{8}, int64_t{9}, int64_t{63},
                        int64_t{64}, int64_t{65}, maximum})
    if (count <= maximum && (counts.empty() || counts.back() != count)) counts.push_back(count);
  return counts;
}

double uniform(std::mt19937_64& generator) {
  return static_cast<double>(generator() >> 11) * 0x1p-53;
}

bool isGradient(const std::string& key) { return key.rfind("output/gradient.", 0) == 0; }

struct Statistics {
  int outputs = 0, illConditioned = 0, runs = 0;
  int64_t elements = 0;
  double worst = 0;
  // By name; those with a row count in the second.
  std::map<std::string, int> operations, counted;
};

class RandomProgramRunner {
 public:
  explicit RandomProgramRunner(uint64_t seed)
      : seed_(seed), program_(generateProgram(seed)), random_(seed) {}

  void run(CompilerHarness& compiler, Statistics& statistics) {
    std::string directory = testDirectory("random_programs");
    path_ = directory + "/seed_" + std::to_string(seed_) + ".mlir";
    writeText(path_, program_.text);
    SCOPED_TRACE("seed " + std::to_string(seed_) + ", program " + path_);
    derivative_ = compiler.lower(path_, Stage::autodiff, {});
    std::string artifact = directory + "/seed_" + std::to_string(seed_) + ".hydra";
    if (!derivative_ || !compiler.compile(path_, {}, artifact)) return;
    function_ = *derivative_->getOps<func::FuncOp>().begin();
    function_.walk([&](Operation* op) {
      if (op->hasTrait<PrimitiveTier>())
        ++statistics.operations[op->getName().getStringRef().str()];
    });
    for (const auto& [name, uses] : program_.counted) statistics.counted[name] += uses;
    std::vector<CpuProgram> devices;
    for (int threads : {1, 2, 4}) {
      absl::StatusOr<CpuProgram> device = CpuProgram::open(artifact, threads, /*validate=*/true);
      ASSERT_TRUE(device.ok()) << device.status();
      devices.push_back(*std::move(device));
    }
    std::vector<int64_t> counts = {0};
    if (program_.maximumRows > 0) counts = rowCountsUpTo(program_.maximumRows);
    for (int64_t count : counts) {
      SCOPED_TRACE("row count " + std::to_string(count));
      runOnce(compiler, devices, count, statistics);
    }
    if (!::testing::Test::HasFailure()) std::remove(artifact.c_str());
  }

 private:
  void runOnce(CompilerHarness& compiler, std::vector<CpuProgram>& devices, int64_t count,
               Statistics& statistics) {
    NamedTensors inputs = drawInputs(count);
    NamedTensors expected = compiler.interpret(function_, inputs, Precision::float32);
    absl::StatusOr<NamedTensors> actual = devices[0].run("program", 0, 0, inputs);
    ASSERT_TRUE(actual.ok()) << actual.status();
    for (size_t i = 1; i < devices.size(); ++i) {
      absl::StatusOr<NamedTensors> other = devices[i].run("program", 0, 0, inputs);
      ASSERT_TRUE(other.ok()) << other.status();
      for (const auto& [key, tensor] : *actual)
        EXPECT_EQ(compareTensors(tensor, other->at(key), definedRows(key)).difference, 0)
            << key << " depends on the number of threads";
    }
    ++statistics.runs;
    EXPECT_EQ(expected.size(), actual->size());
    NamedTensors exact, moved;
    double largestGradient = 0;
    for (const auto& [key, tensor] : expected)
      if (isGradient(key))
        largestGradient = std::max(largestGradient, compareTensors(tensor, tensor).magnitude);
    for (const auto& [key, tensor] : expected) {
      ASSERT_TRUE(actual->count(key)) << "the artifact lacks " << key;
      int64_t rows = definedRows(key);
      Deviation deviation = compareTensors(tensor, actual->at(key), rows);
      if (isGradient(key))
        deviation.magnitude = std::max(deviation.magnitude, largestGradient / 100);
      ++statistics.outputs;
      statistics.elements += tensor.size();
      double allowed = tensor.kind() == ElementKind::i32 ? 0 : kTolerance * deviation.magnitude;
      if (deviation.difference <= allowed) {
        statistics.worst = std::max(statistics.worst, deviation.relative());
        continue;
      }
      if (exact.empty()) {
        exact = compiler.interpret(function_, inputs, Precision::float64);
        moved = compiler.interpret(function_, nudged(inputs), Precision::float64);
      }
      double rounding = std::max(compareTensors(exact.at(key), tensor, rows).difference,
                                 compareTensors(exact.at(key), moved.at(key), rows).difference);
      ++statistics.illConditioned;
      EXPECT_LE(deviation.difference, allowed + kRoundingFactor * rounding)
          << key << " at " << deviation.index << ": expected " << tensor[deviation.index]
          << ", found " << actual->at(key)[deviation.index] << ", the largest magnitude is "
          << deviation.magnitude << ", half a unit in the inputs is worth " << rounding;
    }
  }

  // Every float moved by half a unit in the last place, up or down.
  NamedTensors nudged(NamedTensors inputs) {
    for (auto& [key, tensor] : inputs)
      if (tensor.kind() == ElementKind::f32)
        for (int64_t k = 0; k < tensor.size(); ++k)
          tensor[k] *= 1 + (random_() & 1 ? 0x1p-24 : -0x1p-24);
    return inputs;
  }

  // How many rows of a value are defined; -1: all.
  int64_t definedRows(const std::string& key) const {
    auto found = rows_.find(key);
    return found == rows_.end() ? -1 : found->second;
  }

  NamedTensors drawInputs(int64_t count) {
    NamedTensors inputs;
    rows_.clear();
    std::vector<int64_t> drawn;
    bool first = true;
    for (const auto& [i, argument] : llvm::enumerate(program_.arguments)) {
      TensorValue tensor(argument.integer ? ElementKind::i32 : ElementKind::f32, argument.shape);
      for (int64_t k = 0; k < tensor.size(); ++k) {
        double span = argument.high - argument.low;
        tensor[k] = argument.integer ? argument.low + std::floor(uniform(random_) * (span + 1))
                                     : argument.low + uniform(random_) * span;
      }
      if (argument.rowCount) {
        // The second count is any.
        tensor[0] = static_cast<double>(
            first ? count : static_cast<int64_t>(random_() % (program_.maximumRows + 1)));
        first = false;
      }
      tensor.round();
      drawn.push_back(static_cast<int64_t>(tensor.rank() == 0 ? tensor[0] : 0));
      inputs.emplace("input/arg" + std::to_string(i), std::move(tensor));
    }
    for (const auto& [i, result] : llvm::enumerate(program_.results))
      if (result.rowCount >= 0) rows_["output/result" + std::to_string(i)] = drawn[result.rowCount];
    // Cotangents; what lies behind a row count must have no influence.
    for (unsigned i = 0; i < function_.getNumArguments(); ++i) {
      std::string key = canonicalKey(argumentKey(function_, i));
      if (inputs.count(key)) continue;
      TensorValue tensor =
          TensorValue::zeros(cast<RankedTensorType>(function_.getArgumentTypes()[i]));
      for (int64_t k = 0; k < tensor.size(); ++k) tensor[k] = 2 * uniform(random_) - 1;
      int64_t rows = definedRows("output/" + key.substr(std::string("input/cotangent.").size()));
      if (rows >= 0) tensor.poisonRows(std::min(rows, tensor.rows()));
      tensor.round();
      inputs.emplace(key, std::move(tensor));
    }
    return inputs;
  }

  uint64_t seed_;
  GeneratedProgram program_;
  std::mt19937_64 random_;
  std::string path_;
  OwningOpRef<ModuleOp> derivative_;
  func::FuncOp function_;
  std::map<std::string, int64_t> rows_;
};

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
  Statistics statistics;
  auto [first, count] = seeds();
  for (uint64_t seed = first; seed < first + count; ++seed)
    RandomProgramRunner(seed).run(compiler, statistics);
  std::printf(
      "%llu programs, %d runs, %d outputs with %lld elements; largest deviation %.2g of a "
      "tensor's maximum; %d ill-conditioned outputs\n",
      static_cast<unsigned long long>(count), statistics.runs, statistics.outputs,
      static_cast<long long>(statistics.elements), statistics.worst, statistics.illConditioned);
  for (const auto& [name, uses] : statistics.operations)
    std::printf("  %-28s %d\n", name.c_str(), uses);
  for (const auto& [name, uses] : statistics.counted)
    std::printf("  %-28s %d with a row count\n", name.c_str(), uses);
  EXPECT_LE(statistics.illConditioned * 50, statistics.outputs);
  if (std::getenv("HYDRA_RANDOM_SEEDS")) return;
  // Every primitive occurs, itself or as somebody's gradient.
  for (RegisteredOperationName name : compiler.context().getRegisteredOperations())
    if (name.hasTrait<PrimitiveTier>())
      EXPECT_GE(statistics.operations[name.getStringRef().str()], kUses)
          << name.getStringRef().str();
  for (const char* name :
       {"binary", "broadcast", "cast", "concat", "embedding", "gather_rows", "head_mix", "l2_norm",
        "matmul", "reduce", "rms_norm", "scatter_rows", "select", "split", "swiglu", "unary"})
    EXPECT_GE(statistics.counted[name], kUses) << name << " with a row count";
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
