// hydra-100m cut to two blocks, at its own widths: the CPU against the float32 interpreter.
#include <chrono>
#include <cmath>
#include <fstream>
#include <random>
#include <sstream>

#include "gtest/gtest.h"
#include "tests/base/test_paths.h"
#include "tests/compiler/Comparison.h"
#include "tests/compiler/CompilerHarness.h"

namespace mlir::hydra::testing {
namespace {

constexpr double kValueTolerance = 2e-5, kGradientTolerance = 1e-4;
constexpr int64_t kBatch = 2, kVocabulary = 50257;

// models/hydra-100m.mlir with two blocks.
std::string cutSpec() {
  std::ifstream file(::hydra::testing::SourceDir() + "/models/hydra-100m.mlir");
  std::stringstream stream;
  stream << file.rdbuf();
  std::string text = stream.str();
  const std::string from = "count 8 as";
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << "models/hydra-100m.mlir has no eight blocks";
  if (at != std::string::npos) text.replace(at, from.size(), "count 2 as");
  std::string path = testDirectory("product_shapes") + "/hydra-100m-2.mlir";
  writeText(path, text);
  return path;
}

NamedTensors drawTokens(int64_t seq) {
  std::mt19937 random(11);
  TensorValue tokens(ElementKind::i32, {kBatch, seq}), targets = tokens;
  for (int64_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = random() % kVocabulary;
    targets[i] = random() % 17 == 0 ? -100 : static_cast<double>(random() % kVocabulary);
  }
  return {{"input/tokens", tokens}, {"input/targets", targets}};
}

func::FuncOp entryNamed(ModuleOp module, StringRef name) {
  for (auto function : module.getOps<func::FuncOp>())
    if (auto entry = function->getAttrOfType<EntryAttr>(kEntryAttrName))
      if (entry.getName() == name) return function;
  return nullptr;
}

class Stopwatch {
 public:
  void lap(const std::string& what) {
    auto now = std::chrono::steady_clock::now();
    std::printf("  %-24s %6.1f s\n", what.c_str(),
                std::chrono::duration<double>(now - last_).count());
    std::fflush(stdout);
    last_ = now;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

// Every tensor of `expected` that an artifact has too.
int compareAll(const NamedTensors& expected, const NamedTensors& actual) {
  double worstValue = 0, worstGradient = 0, largestGradient = 0;
  int compared = 0;
  for (const auto& [key, tensor] : expected)
    if (StringRef(key).starts_with("gradient/"))
      for (double value : tensor.elements())
        largestGradient = std::max(largestGradient, std::abs(value));
  for (const auto& [key, tensor] : expected) {
    auto found = actual.find(key);
    if (found == actual.end()) continue;
    ++compared;
    Deviation deviation = compareTensors(tensor, found->second);
    bool gradient = StringRef(key).starts_with("gradient/");
    double relative = deviation.relative();
    // A gradient that is zero but for rounding errors is compared with the largest of them all.
    if (gradient && deviation.magnitude < 1e-6 * largestGradient)
      relative = deviation.difference / largestGradient;
    EXPECT_LE(relative, gradient ? kGradientTolerance : kValueTolerance)
        << key << ": largest difference " << deviation.difference << " at " << deviation.index
        << ", largest magnitude " << deviation.magnitude;
    (gradient ? worstGradient : worstValue) =
        std::max(gradient ? worstGradient : worstValue, relative);
  }
  std::printf("  %d tensors; largest deviation: values %.2g, gradients %.2g\n", compared,
              worstValue, worstGradient);
  return compared;
}

void compareAt(int64_t seq) {
  Stopwatch watch;
  std::string spec = cutSpec();
  std::string artifact =
      testDirectory("product_shapes") + "/hydra-100m-2-" + std::to_string(seq) + ".hydra";
  CompileOptions options;
  options.routing = "fixed";
  options.entries = {{"train", kBatch, seq}, {"eval", kBatch, seq}};
  CompilerHarness compiler;
  ASSERT_TRUE(compiler.compile(spec, options, artifact));
  watch.lap("compile");
  NamedTensors inputs = drawTokens(seq), accumulated, evaluated;
  inputs.emplace("control/loss_scale", TensorValue::scalar(1));
  inputs.emplace("control/mod_aux_weight", TensorValue::scalar(0.1));
  {
    absl::StatusOr<CpuProgram> program = CpuProgram::open(artifact, 2, /*validate=*/true);
    ASSERT_TRUE(program.ok()) << program.status();
    ASSERT_TRUE(program->executor().InitializeParameters(5).ok());
    absl::StatusOr<NamedTensors> run = program->run("accumulate", kBatch, seq, inputs);
    ASSERT_TRUE(run.ok()) << run.status();
    accumulated = *std::move(run);
    run = program->run("eval", kBatch, seq, inputs);
    ASSERT_TRUE(run.ok()) << run.status();
    evaluated = *std::move(run);
    absl::StatusOr<NamedTensors> parameters = program->parameters();
    ASSERT_TRUE(parameters.ok()) << parameters.status();
    inputs.merge(*parameters);
    watch.lap("cpu");
  }
  OwningOpRef<ModuleOp> module = compiler.lower(spec, Stage::autodiff, options);
  ASSERT_TRUE(module);
  {
    func::FuncOp eval = entryNamed(*module, "eval");
    ASSERT_TRUE(eval);
    NamedTensors expected = compiler.interpret(eval, inputs, Precision::float32);
    watch.lap("interpreter, eval");
    ASSERT_TRUE(expected.count("output/logits"));
    EXPECT_GE(compareAll(expected, evaluated), 3);
    evaluated.clear();
  }
  func::FuncOp accumulate = entryNamed(*module, "accumulate");
  ASSERT_TRUE(accumulate);
  NamedTensors expected = compiler.interpret(accumulate, inputs, Precision::float32);
  watch.lap("interpreter, accumulate");
  ASSERT_TRUE(expected.count("output/loss.total") && accumulated.count("output/loss.total"));
  // The loss, and every parameter.
  EXPECT_GE(compareAll(expected, accumulated), 30);
}

TEST(ProductShapes, Sequence129) { compareAt(129); }
TEST(ProductShapes, Sequence512) { compareAt(512); }

}  // namespace
}  // namespace mlir::hydra::testing
