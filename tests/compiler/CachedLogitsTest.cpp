// Logits of decoding, chunk by chunk through the cache, against logits of the whole sequence.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "gtest/gtest.h"
#include "tests/base/test_paths.h"
#include "tests/compiler/CompilerHarness.h"

namespace mlir::hydra::testing {
namespace {

constexpr double kTolerance = 1e-5;

// Windows of five positions and three key and value heads.
constexpr char kWideWindows[] = R"mlir(
hydra.model @wide_windows attributes {vocab_size = 101, dim = 144, max_seq_len = 256} {
^bb0(%tokens: tensor<?x?xi32>):
  %embedded = hydra.token_embedding %tokens : tensor<?x?xi32> -> tensor<?x?x144xf32>
  %body = hydra.blocks %embedded count 3 as "layers" : tensor<?x?x144xf32> {
  ^bb0(%x: tensor<?x?x144xf32>):
    %n1 = hydra.norm %x "norm1" : tensor<?x?x144xf32>
    %a = hydra.ccgqa %n1 {heads = 9, kv_heads = 3, compression = 2, conv_kernel_size = 5} : tensor<?x?x144xf32>
    %h = hydra.residual %x, %a {scale = 0.5} : tensor<?x?x144xf32>
    %n2 = hydra.norm %h "norm2" : tensor<?x?x144xf32>
    %m = hydra.mlp %n2 {hidden = 200} : tensor<?x?x144xf32>
    %s = hydra.residual %h, %m {scale = 1.0} : tensor<?x?x144xf32>
    hydra.yield %s : tensor<?x?x144xf32>
  }
  %normed = hydra.norm %body "norm" : tensor<?x?x144xf32>
  %logits = hydra.lm_head %normed : tensor<?x?x144xf32> -> tensor<?x?x101xf32>
  hydra.yield %logits : tensor<?x?x101xf32>
}
)mlir";

// How a sequence is cut: entry length, and how many positions of it count.
struct Chunk {
  int64_t length, count;
};

std::vector<Chunk> promptThenSingle(int64_t seq, int64_t prompt) {
  std::vector<Chunk> chunks;
  int64_t at = 0;
  for (; at < prompt; at += 64) chunks.push_back({64, std::min<int64_t>(64, prompt - at)});
  for (at = prompt; at < seq; ++at) chunks.push_back({1, 1});
  return chunks;
}

std::vector<Chunk> oddChunks(int64_t seq) {
  std::vector<Chunk> chunks;
  int64_t at = 0;
  for (int64_t i = 0; at < seq; ++i) {
    const Chunk cycle[] = {{7, 7}, {64, 3}, {7, 2}, {1, 1}, {64, 33}, {7, 5}, {64, 64}};
    Chunk chunk = cycle[i % 7];
    chunk.count = std::min(chunk.count, seq - at);
    chunks.push_back(chunk);
    at += chunk.count;
  }
  return chunks;
}

// With a rule, depth routing selects by it in both; without, the program is that of fixed depth.
void expectSameLogits(const std::string& spec, const std::string& name, int64_t vocabulary,
                      const std::string& rule = "") {
  constexpr int64_t kLength = 200;
  CompileOptions options;
  options.routing = rule.empty() ? "fixed" : "dynamic";
  options.modRule = rule;
  if (!rule.empty()) options.variants = {"adaptive_mod"};
  options.cacheLength = kLength;
  options.probes = {"logits"};
  options.entries = {{"eval", 1, kLength}, {"extend", 1, 64}, {"extend", 1, 7}, {"extend", 1, 1}};
  std::string artifact = testDirectory("cached_logits") + "/" + name + ".hydra";
  CompilerHarness compiler;
  ASSERT_TRUE(compiler.compile(spec, options, artifact));
  absl::StatusOr<CpuProgram> program = CpuProgram::open(artifact, 2, /*validate=*/true);
  ASSERT_TRUE(program.ok()) << program.status();
  ASSERT_TRUE(program->executor().InitializeParameters(7).ok());

  NamedTensors inputs;
  TensorValue tokens(ElementKind::i32, {1, kLength});
  for (int64_t i = 0; i < kLength; ++i)
    tokens[i] = static_cast<double>((i * i * 31 + i * 7) % vocabulary);
  inputs.emplace("input/tokens", tokens);
  inputs.emplace("input/targets", tokens);
  absl::StatusOr<NamedTensors> whole = program->run("eval", 1, kLength, inputs);
  ASSERT_TRUE(whole.ok()) << whole.status();
  const TensorValue& expected = whole->at("output/logits");
  double magnitude = 0;
  for (double value : expected.elements()) magnitude = std::max(magnitude, std::abs(value));
  ASSERT_GT(magnitude, 0);

  const std::vector<std::vector<Chunk>> cuts = {promptThenSingle(kLength, 128),
                                                promptThenSingle(kLength, 100),
                                                promptThenSingle(kLength, 0), oddChunks(kLength)};
  double worst = 0;
  for (const auto& [which, chunks] : llvm::enumerate(cuts)) {
    int64_t position = 0;  // where what another cut left in the caches is not seen
    for (const Chunk& chunk : chunks) {
      NamedTensors part;
      // What lies behind `count` must have no influence.
      TensorValue window(ElementKind::i32, {1, chunk.length}, 3.0);
      for (int64_t i = 0; i < chunk.count; ++i) window[i] = tokens[position + i];
      part.emplace("input/tokens", window);
      part.emplace("input/position", TensorValue::fromInts({1}, {static_cast<int32_t>(position)}));
      part.emplace("input/seed", TensorValue(ElementKind::i32, {1, 2}));
      part.emplace("input/sequence", TensorValue(ElementKind::i32, {1}));
      part.emplace("input/count", TensorValue::fromInts({1}, {static_cast<int32_t>(chunk.count)}));
      absl::StatusOr<NamedTensors> step = program->run("extend", 1, chunk.length, part);
      ASSERT_TRUE(step.ok()) << step.status();
      const TensorValue& actual = step->at("output/probe.logits");
      for (int64_t i = 0; i < chunk.count; ++i) {
        double difference = 0;
        for (int64_t v = 0; v < vocabulary; ++v)
          difference = std::max(difference, std::abs(actual[i * vocabulary + v] -
                                                     expected[(position + i) * vocabulary + v]));
        EXPECT_LE(difference, kTolerance * magnitude)
            << "cut " << which << ", position " << position + i << " in a chunk of " << chunk.count;
        worst = std::max(worst, difference / magnitude);
      }
      // The last row alone, and the likeliest token, which is what the controls start with.
      const TensorValue& last = step->at("output/last_logits");
      for (int64_t v = 0; v < vocabulary; ++v)
        EXPECT_NEAR(last[v], actual[(chunk.count - 1) * vocabulary + v], kTolerance * magnitude);
      ArrayRef<double> row = last.elements();
      EXPECT_EQ(step->at("output/next_token")[0],
                static_cast<double>(std::max_element(row.begin(), row.end()) - row.begin()));
      position += chunk.count;
    }
    ASSERT_EQ(position, kLength);
  }
  std::printf("%s %s: largest logit %.3g, largest difference %.2g of it\n", name.c_str(),
              rule.c_str(), magnitude, worst);
}

TEST(CachedLogits, HydraNano) {
  expectSameLogits(::hydra::testing::SourceDir() + "/models/hydra-nano.mlir", "hydra-nano", 256);
}

// Scores of depth routing are kept per pass; whatever the rule, a token is what its prefix says.
TEST(CachedLogits, DepthRoutingByEveryCausalRule) {
  for (const char* rule : {"prefix", "threshold", "predictor", "dense"})
    expectSameLogits(::hydra::testing::SourceDir() + "/models/hydra-nano.mlir", "hydra-nano", 256,
                     rule);
}

// A text that is run as a whole selects what evaluation of a sequence of its length does.
TEST(CachedLogits, RecomputedTextsSelectAsSequencesOfTheirLength) {
  constexpr int64_t kCache = 120;
  CompileOptions options;
  options.routing = "dynamic";
  options.modRule = "recompute";
  options.variants = {"adaptive_mod"};
  options.cacheLength = kCache;
  options.probes = {"logits", "route.mod.*"};
  options.entries = {{"extend", 2, kCache}};
  const int64_t lengths[] = {1, 2, 77, kCache};
  for (int64_t length : lengths) options.entries.push_back({"eval", 1, length});
  const std::string artifact = testDirectory("cached_logits") + "/recompute.hydra";
  CompilerHarness compiler;
  ASSERT_TRUE(compiler.compile(::hydra::testing::SourceDir() + "/models/hydra-nano.mlir", options,
                               artifact));
  absl::StatusOr<CpuProgram> program = CpuProgram::open(artifact, 2, /*validate=*/true);
  ASSERT_TRUE(program.ok()) << program.status();
  ASSERT_TRUE(program->executor().InitializeParameters(7).ok());
  for (int64_t length : lengths) {
    NamedTensors whole, part;
    TensorValue tokens(ElementKind::i32, {1, length}), rows(ElementKind::i32, {2, kCache}, 3.0);
    for (int64_t i = 0; i < length; ++i)
      rows[kCache + i] = tokens[i] = static_cast<double>((i * i * 31 + i * 7) % 256);
    whole.emplace("input/tokens", tokens);
    whole.emplace("input/targets", tokens);
    part.emplace("input/tokens", rows);
    part.emplace("input/position", TensorValue(ElementKind::i32, {2}));
    part.emplace("input/seed", TensorValue(ElementKind::i32, {2, 2}));
    part.emplace("input/sequence", TensorValue(ElementKind::i32, {2}));
    part.emplace("input/count", TensorValue::fromInts({2}, {0, static_cast<int32_t>(length)}));
    absl::StatusOr<NamedTensors> expected = program->run("eval", 1, length, whole);
    absl::StatusOr<NamedTensors> actual = program->run("extend", 2, kCache, part);
    ASSERT_TRUE(expected.ok()) << expected.status();
    ASSERT_TRUE(actual.ok()) << actual.status();
    for (const char* call : {"1.%s.0", "1.%s.1", "2.%s.0", "2.%s.1"}) {
      const auto named = [&](const char* what) {
        std::string name = call;
        return "output/probe.route.mod." + name.replace(name.find("%s"), 2, what);
      };
      const TensorValue& index = expected->at(named("index"));
      const TensorValue& chosen = actual->at(named("chosen"));
      std::vector<double> wanted(2 * kCache, 0);
      for (double at : index.elements()) wanted[static_cast<size_t>(kCache + at)] = 1;
      EXPECT_EQ(chosen.elements().vec(), wanted) << call << " of " << length << " tokens";
    }
    const TensorValue& logits = expected->at("output/logits");
    const TensorValue& computed = actual->at("output/probe.logits");
    for (int64_t i = 0; i < length * 256; ++i)
      ASSERT_NEAR(computed[kCache * 256 + i], logits[i], 1e-4)
          << length << " tokens, element " << i;
  }
}

TEST(CachedLogits, WideWindowsAndOddHeads) {
  std::string spec = testDirectory("cached_logits") + "/wide_windows.mlir";
  writeText(spec, kWideWindows);
  expectSameLogits(spec, "wide_windows", 101);
}

// Primitives along the sequence keep their state as the attention of a model does.
TEST(CachedLogits, BlocksOfTheSpecsOwn) {
  std::ifstream file(::hydra::testing::SourceDir() + "/tests/lowering/Inputs/own-block.mlir");
  std::string text(std::istreambuf_iterator<char>(file), {});
  // Its 11 positions are too few.
  for (size_t at = text.find("11"); at != std::string::npos; at = text.find("11", at))
    text.replace(at, 2, "256");
  std::string spec = testDirectory("cached_logits") + "/own_block.mlir";
  writeText(spec, text);
  expectSameLogits(spec, "own_block", 13);
}

}  // namespace
}  // namespace mlir::hydra::testing
