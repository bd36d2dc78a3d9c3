// Feeding tokens in pieces through `extend` gives the logits of the whole sequence.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <random>
#include <sstream>

#include "tests/base/test_paths.h"
#include "tests/lowering/lowering_fixture.h"

namespace mlir::hydra {
namespace {

constexpr int64_t kSequence = 11;
constexpr int64_t kVocabulary = 13;
constexpr int64_t kBatch = 2;

class DecodingTest : public RoutingTest, public testing::WithParamInterface<const char*> {
 protected:
  // Random weights for the parameters of `function`; large enough that every path matters.
  void addParameters(func::FuncOp function, NamedTensors& values) {
    std::mt19937 random(3);
    std::normal_distribution<double> normal(0.0, 0.4);
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      auto binding = function.getArgAttrOfType<BindingAttr>(i, kBindingAttrName);
      if (binding.getKind() != BindingKind::parameter) continue;
      auto type = cast<RankedTensorType>(function.getArgumentTypes()[i]);
      TensorValue value = TensorValue::zeros(type);
      for (int64_t j = 0; j < value.size(); ++j) value[j] = normal(random);
      values[argumentKey(function, i)] = value;
    }
  }

  // Feeds counts[b] tokens of every sequence from positions[b] on; the caches in `values` are
  // updated. Returns all outputs, and the logits of every row as "probe/logits".
  NamedTensors extend(func::FuncOp function, NamedTensors& values, ArrayRef<int32_t> tokens,
                      ArrayRef<int32_t> positions, ArrayRef<int32_t> counts) {
    auto type = cast<RankedTensorType>(function.getArgumentTypes()[0]);
    int64_t width = type.getShape()[1];
    std::vector<int32_t> chunk(kBatch * width, 5);  // padding, which must not matter
    for (int64_t b = 0; b < kBatch; ++b)
      for (int64_t t = 0; t < counts[b]; ++t)
        chunk[b * width + t] = tokens[b * kSequence + positions[b] + t];
    values["input/tokens"] = TensorValue::fromInts(type.getShape(), chunk);
    values["input/position"] = TensorValue::fromInts({kBatch}, positions);
    values["input/count"] = TensorValue::fromInts({kBatch}, counts);
    auto outputs = interpretFunction(function, values, {.probes = true});
    EXPECT_TRUE(succeeded(outputs));
    if (failed(outputs)) return {};
    for (const auto& [key, value] : *outputs)
      if (StringRef(key).starts_with("cache/")) values[key] = value;
    return *outputs;
  }
};

// The text of a spec beside the tests of this folder.
std::string specText(const std::string& name) {
  std::ifstream file(::hydra::testing::SourceDir() + "/tests/lowering/Inputs/" + name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST_P(DecodingTest, PiecesEqualTheWhole) {
  std::string model = GetParam();
  if (StringRef(model).ends_with(".mlir")) model = specText(model);
  auto module = lower(model, "entries=eval@2x11,extend@2x4,extend@2x1 cache=11");
  ASSERT_TRUE(module);
  auto eval = module->lookupSymbol<func::FuncOp>("eval_2x11_fixed");
  auto four = module->lookupSymbol<func::FuncOp>("extend_2x4_fixed");
  auto one = module->lookupSymbol<func::FuncOp>("extend_2x1_fixed");
  ASSERT_TRUE(eval && four && one);

  std::vector<int32_t> tokens(kBatch * kSequence);
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = (i * 7 + i / 5) % kVocabulary;
  NamedTensors values;
  addParameters(eval, values);
  values["input/tokens"] = TensorValue::fromInts({kBatch, kSequence}, tokens);
  values["input/targets"] = values["input/tokens"];
  auto whole = interpretFunction(eval, values);
  ASSERT_TRUE(succeeded(whole));
  const TensorValue& expected = whole->at("output/logits");

  // Caches hold what another sequence left there; seeds are zeros, controls as they start.
  for (unsigned i = 0; i < four.getNumArguments(); ++i) {
    auto binding = four.getArgAttrOfType<BindingAttr>(i, kBindingAttrName);
    auto type = cast<RankedTensorType>(four.getArgumentTypes()[i]);
    TensorValue value = TensorValue::zeros(type);
    bool stale = binding.getKind() == BindingKind::cache && type.getElementType().isF32();
    if (stale) std::fill_n(value.data(), value.size(), std::numeric_limits<double>::quiet_NaN());
    if (auto initial = four.getArgAttrOfType<FloatAttr>(i, kInitialAttrName))
      value[0] = initial.getValueAsDouble();
    values.try_emplace(argumentKey(four, i), value);
  }

  // Full pieces, partial ones, single tokens, and idle sequences, each at its own pace.
  std::vector<int32_t> positions(kBatch, 0);
  const std::vector<std::vector<int32_t>> rounds = {{4, 0}, {2, 3}, {1, 1}, {0, 1},
                                                    {1, 0}, {0, 4}, {3, 2}};
  for (const std::vector<int32_t>& counts : rounds) {
    bool single = *std::max_element(counts.begin(), counts.end()) == 1;
    NamedTensors outputs = extend(single ? one : four, values, tokens, positions, counts);
    const TensorValue &logits = outputs.at("probe/logits"),
                      &last = outputs.at("output/last_logits"),
                      &next = outputs.at("output/next_token");
    int64_t width = logits.shape()[1];
    for (int64_t b = 0; b < kBatch; ++b) {
      for (int64_t t = 0; t < counts[b]; ++t)
        for (int64_t v = 0; v < kVocabulary; ++v) {
          double want = expected[(b * kSequence + positions[b] + t) * kVocabulary + v];
          ASSERT_NEAR(logits[(b * width + t) * kVocabulary + v], want, 2e-5)
              << "sequence " << b << " position " << positions[b] + t;
          if (t == counts[b] - 1) ASSERT_NEAR(last[b * kVocabulary + v], want, 2e-5);
        }
      // Greedy until the host says otherwise.
      const double* row = last.row(b);
      double likeliest = std::max_element(row, row + kVocabulary) - row;
      EXPECT_EQ(next[b], counts[b] > 0 ? likeliest : -1);
      positions[b] += counts[b];
    }
  }
  EXPECT_EQ(positions, std::vector<int32_t>(kBatch, kSequence));
}

INSTANTIATE_TEST_SUITE_P(
    Models, DecodingTest,
    testing::Values(
        R"({"model": {"vocab_size": 13, "dim": 32, "n_mor_blocks": 3, "recursions_per_block": 2,
            "n_heads": 4, "n_kv_heads": 2, "compression_factor": 2}})",
        R"({"model": {"kind": "base", "vocab_size": 13, "dim": 32, "n_mor_blocks": 2, "n_heads": 4,
            "n_kv_heads": 4, "compression_factor": 2, "conv_kernel_size": 5}})",
        R"({"model": {"kind": "base", "vocab_size": 13, "dim": 32, "n_mor_blocks": 2, "n_heads": 2,
            "n_kv_heads": 1, "conv_kernel_size": 1}})",
        R"({"model": {"kind": "base", "vocab_size": 13, "dim": 32, "n_mor_blocks": 2, "n_heads": 2,
            "n_kv_heads": 1, "use_convs": false, "use_value_shift": false, "use_rope": false}})",
        "own-block.mlir"));

}  // namespace
}  // namespace mlir::hydra
