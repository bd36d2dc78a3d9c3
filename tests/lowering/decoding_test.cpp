// Feeding tokens in pieces through `extend` gives the logits of the whole sequence.
#include <cmath>
#include <random>

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

  // Feeds `count` tokens from `position` on; the caches in `values` are updated.
  TensorValue extend(func::FuncOp function, NamedTensors& values, ArrayRef<int32_t> tokens,
                     int64_t position, int64_t count) {
    auto type = cast<RankedTensorType>(function.getArgumentTypes()[0]);
    int64_t width = type.getShape()[1];
    std::vector<int32_t> chunk(kBatch * width, 5);  // padding, which must not matter
    for (int64_t b = 0; b < kBatch; ++b)
      for (int64_t t = 0; t < count; ++t)
        chunk[b * width + t] = tokens[b * kSequence + position + t];
    values["input/tokens"] = TensorValue::fromInts(type.getShape(), chunk);
    values["input/position"] = TensorValue::scalarInt(position);
    values["input/count"] = TensorValue::scalarInt(count);
    auto outputs = interpretFunction(function, values);
    EXPECT_TRUE(succeeded(outputs));
    if (failed(outputs)) return TensorValue();
    for (const auto& [key, value] : *outputs)
      if (StringRef(key).starts_with("cache/")) values[key] = value;
    return outputs->at("output/logits");
  }
};

TEST_P(DecodingTest, PiecesEqualTheWhole) {
  auto module = lower(GetParam(), "entries=eval@2x11,extend@2x4,extend@2x1 cache=11");
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

  for (unsigned i = 0; i < four.getNumArguments(); ++i) {
    auto binding = four.getArgAttrOfType<BindingAttr>(i, kBindingAttrName);
    if (binding.getKind() == BindingKind::cache)
      values[argumentKey(four, i)] =
          TensorValue::zeros(cast<RankedTensorType>(four.getArgumentTypes()[i]));
  }

  // A full piece, a partial one, single tokens, and a full one again.
  int64_t position = 0;
  for (int64_t count : {4, 2, 1, 1, 3}) {
    func::FuncOp function = count == 1 ? one : four;
    TensorValue logits = extend(function, values, tokens, position, count);
    int64_t width = logits.shape()[1];
    for (int64_t b = 0; b < kBatch; ++b)
      for (int64_t t = 0; t < count; ++t)
        for (int64_t v = 0; v < kVocabulary; ++v)
          ASSERT_NEAR(logits[(b * width + t) * kVocabulary + v],
                      expected[(b * kSequence + position + t) * kVocabulary + v], 2e-5)
              << "position " << position + t;
    position += count;
  }
  EXPECT_EQ(position, kSequence);
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
            "n_kv_heads": 1, "use_convs": false, "use_value_shift": false, "use_rope": false}})"));

}  // namespace
}  // namespace mlir::hydra
