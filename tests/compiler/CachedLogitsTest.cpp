// Logits of decoding, chunk by chunk through the cache, against logits of the whole sequence.
#include <algorithm>
#include <cmath>
#include <filesystem>

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

void expectSameLogits(const std::string& spec, const std::string& name, int64_t vocabulary) {
  constexpr int64_t kLength = 200;
  CompileOptions options;
  options.routing = "fixed";
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
  std::printf("%s: largest logit %.3g, largest difference %.2g of it\n", name.c_str(), magnitude,
              worst);
}

TEST(CachedLogits, HydraNano) {
  expectSameLogits(::hydra::testing::SourceDir() + "/models/hydra-nano.mlir", "hydra-nano", 256);
}

TEST(CachedLogits, WideWindowsAndOddHeads) {
  std::string spec = testDirectory("cached_logits") + "/wide_windows.mlir";
  writeText(spec, kWideWindows);
  expectSameLogits(spec, "wide_windows", 101);
}

}  // namespace
}  // namespace mlir::hydra::testing
