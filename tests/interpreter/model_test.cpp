// The structural ops against numbers of the PyTorch HYDRA, and the diagnostics of interpretModel.
#include "gmock/gmock.h"
#include "tests/interpreter/golden_fixture.h"
#include "tests/interpreter/interpreter_fixture.h"

using namespace mlir;
using namespace mlir::hydra;
using ::testing::HasSubstr;

namespace {

constexpr double kGoldenTolerance = 2e-5;  // of goldens 01, 02 and 04
constexpr double kLossFloor = 1e-3;

class ModelTest : public InterpreterTest {
 protected:
  FailureOr<NamedTensors> tryRunModel(StringRef source, const NamedTensors& bindings,
                                      bool training = false) {
    module = parseSourceString<ModuleOp>(source, ParserConfig(&context));
    if (!module) {
      ADD_FAILURE() << "does not parse:\n" << diagnostics;
      return failure();
    }
    InterpretOptions options{precision(), /*probes=*/true, training};
    return interpretModel(*module->getOps<LanguageModelOp>().begin(), bindings, options);
  }

  // Compares hidden states, logits and losses of one golden file.
  NamedTensors expectGolden(const std::string& name, StringRef source, int64_t blocks,
                            bool training) {
    NamedTensors golden = readGolden(name);
    auto outputs = tryRunModel(source, goldenBindings(golden), training);
    EXPECT_TRUE(succeeded(outputs)) << diagnostics;
    if (failed(outputs)) return {};
    for (int64_t i = 0; i < blocks; ++i) {
      std::string block = "block." + std::to_string(i);
      expectClose(*outputs, "probe/" + block, golden.at("out." + block), kGoldenTolerance);
    }
    expectClose(*outputs, "output/logits", golden.at("out.logits"), kGoldenTolerance);
    expectClose(*outputs, "output/loss.ce", golden.at("loss.ce"), kGoldenTolerance, kLossFloor);
    if (training)
      expectClose(*outputs, "output/loss.total", golden.at("loss.total"), kGoldenTolerance,
                  kLossFloor);
    return *outputs;
  }
};
HYDRA_BOTH_PRECISIONS(ModelTest);

// A plain model of two blocks.
std::string plainModel(int64_t vocabulary, int64_t dim, StringRef attention, bool tied) {
  std::string stream = "tensor<?x?x" + std::to_string(dim) + "xf32>";
  std::string logits = "tensor<?x?x" + std::to_string(vocabulary) + "xf32>";
  return "hydra.model @plain attributes {vocab_size = " + std::to_string(vocabulary) +
         " : i64, dim = " + std::to_string(dim) + " : i64, max_seq_len = 64 : i64} {\n" +
         "^bb0(%tokens: tensor<?x?xi32>):\n" +
         "  %0 = hydra.token_embedding %tokens : tensor<?x?xi32> -> " + stream + "\n" +
         "  %1 = hydra.blocks %0 count 2 as \"layers\" : " + stream + " {\n" +
         "  ^bb0(%x: " + stream + "):\n" + "    %n1 = hydra.norm %x \"norm1\" : " + stream + "\n" +
         "    %a = hydra.ccgqa %n1 {" + attention.str() + "} : " + stream + "\n" +
         "    %h = hydra.residual %x, %a : " + stream + "\n" +
         "    %n2 = hydra.norm %h \"norm2\" : " + stream + "\n" +
         "    %m = hydra.mlp %n2 {hidden = 256 : i64} : " + stream + "\n" +
         "    %y = hydra.residual %h, %m : " + stream + "\n" + "    hydra.yield %y : " + stream +
         "\n" + "  }\n" + "  %2 = hydra.norm %1 \"norm\" : " + stream + "\n" +
         "  %3 = hydra.lm_head %2 {tied = " + (tied ? "true" : "false") + "} : " + stream + " -> " +
         logits + "\n  hydra.yield %3 : " + logits + "\n}\n";
}

// A routed model of three blocks; EXTRA stands at the end of the block.
std::string routedModel(StringRef extra = "") {
  std::string source = R"(
hydra.model @routed attributes {vocab_size = 97 : i64, dim = 32 : i64, max_seq_len = 64 : i64} {
^bb0(%tokens: tensor<?x?xi32>):
  %0 = hydra.token_embedding %tokens : tensor<?x?xi32> -> tensor<?x?x32xf32>
  %1 = hydra.blocks %0 count 3 as "layers" : tensor<?x?x32xf32> {
  ^bb0(%x: tensor<?x?x32xf32>):
    %n1 = hydra.norm %x "norm1" : tensor<?x?x32xf32>
    %a = hydra.ccgqa %n1 {heads = 4 : i64, kv_heads = 2 : i64, compression = 2 : i64} : tensor<?x?x32xf32>
    %h = hydra.residual %x, %a {scale = 0.5 : f64} : tensor<?x?x32xf32>
    %r = hydra.recursion %h passes 3 {adaptive = false} : tensor<?x?x32xf32> {
    ^bb0(%s: tensor<?x?x32xf32>):
      %n2 = hydra.norm %s "norm2" : tensor<?x?x32xf32>
      %d = hydra.depth_routing %n2 capacity 5.000000e-01 : tensor<?x?x32xf32> {
      ^bb0(%z: tensor<?x?x32xf32>):
        %m = hydra.mlp %z {hidden = 256 : i64} : tensor<?x?x32xf32>
        hydra.yield %m : tensor<?x?x32xf32>
      }
      hydra.yield %d : tensor<?x?x32xf32>
    }
    %y = hydra.norm %r "final_norm" : tensor<?x?x32xf32>
    EXTRA
  }
  %2 = hydra.norm %1 "norm" : tensor<?x?x32xf32>
  %3 = hydra.lm_head %2 : tensor<?x?x32xf32> -> tensor<?x?x97xf32>
  hydra.yield %3 : tensor<?x?x97xf32>
})";
  std::string end = extra.empty() ? "hydra.yield %y : tensor<?x?x32xf32>" : extra.str();
  source.replace(source.find("EXTRA"), 5, end);
  return source;
}

constexpr StringLiteral kGroupedAttention =
    "heads = 4 : i64, kv_heads = 2 : i64, compression = 2 : i64";

TEST_P(ModelTest, Golden01PlainUntied) {
  expectGolden("01_base_untied_eval",
               plainModel(131, 64, "heads = 4 : i64, kv_heads = 4 : i64", /*tied=*/false), 2,
               /*training=*/false);
}

TEST_P(ModelTest, Golden02PlainGroupedHeads) {
  expectGolden("02_base_gqa_train", plainModel(97, 32, kGroupedAttention, /*tied=*/true), 2,
               /*training=*/true);
}

TEST_P(ModelTest, Golden04FixedDepthAndWarmingDepthRouter) {
  NamedTensors outputs = expectGolden("04_fixed_dense_train", routedModel(), 3, /*training=*/true);
  NamedTensors golden = readGolden("04_fixed_dense_train");
  expectClose(outputs, "output/loss.aux", golden.at("loss.aux"), kGoldenTolerance, kLossFloor);
  // The only inner block is the only one with a depth router.
  EXPECT_EQ(outputs.count("probe/mod.0.score"), 0u);
  ASSERT_EQ(outputs.count("probe/mod.1.score"), 1u);
  EXPECT_EQ(outputs.at("probe/mod.1.score").shape().vec(), golden.at("in.tokens").shape().vec());
}

TEST_P(ModelTest, BalanceWeightIsAControlValue) {
  NamedTensors bindings = goldenBindings(readGolden("04_fixed_dense_train"));
  auto automatic = tryRunModel(routedModel(), bindings, /*training=*/true);
  bindings["control/mod_aux_weight"] = TensorValue::scalar(0.125);
  auto quarter = tryRunModel(routedModel(), bindings, /*training=*/true);
  bindings["control/mod_aux_weight"] = TensorValue::scalar(0.0);
  auto none = tryRunModel(routedModel(), bindings, /*training=*/true);
  ASSERT_TRUE(succeeded(automatic) && succeeded(quarter) && succeeded(none)) << diagnostics;
  double loss = automatic->at("output/loss.aux")[0];
  EXPECT_GT(loss, 0.0);
  EXPECT_NEAR(quarter->at("output/loss.aux")[0], loss / 4, 1e-6 * loss);
  EXPECT_EQ(none->at("output/loss.aux")[0], 0.0);
  EXPECT_EQ(none->at("output/loss.total")[0], none->at("output/loss.ce")[0]);
}

TEST_P(ModelTest, EvaluationHasNoBalanceLoss) {
  auto outputs = tryRunModel(routedModel(), goldenBindings(readGolden("04_fixed_dense_train")));
  ASSERT_TRUE(succeeded(outputs)) << diagnostics;
  EXPECT_EQ(outputs->count("output/loss.aux"), 0u);
  EXPECT_EQ(outputs->count("output/loss.total"), 0u);
  EXPECT_EQ(outputs->count("output/loss.ce"), 1u);
}

TEST_P(ModelTest, MissingAndMisshapedParametersAreNamed) {
  NamedTensors bindings = goldenBindings(readGolden("02_base_gqa_train"));
  std::string source = plainModel(97, 32, kGroupedAttention, true);
  NamedTensors missing = bindings;
  missing.erase("parameter/layers.1.mlp.down.weight");
  EXPECT_TRUE(failed(tryRunModel(source, missing)));
  EXPECT_THAT(diagnostics,
              HasSubstr("'hydra.mlp' op expected a parameter \"layers.1.mlp.down.weight\" of shape "
                        "[32, 256], found none"));
  bindings["parameter/norm.weight"] = floats({2}, {1, 1});
  EXPECT_TRUE(failed(tryRunModel(source, bindings)));
  EXPECT_THAT(diagnostics, HasSubstr("expected parameter \"norm.weight\" with float elements and "
                                     "shape [32], found 2xf32"));
}

TEST_P(ModelTest, TokensAndTargetsAreChecked) {
  NamedTensors bindings = goldenBindings(readGolden("02_base_gqa_train"));
  std::string source = plainModel(97, 32, kGroupedAttention, true);
  NamedTensors wrong = bindings;
  wrong["input/targets"] = ints({1, 2}, {0, 0});
  EXPECT_TRUE(failed(tryRunModel(source, wrong)));
  EXPECT_THAT(diagnostics,
              HasSubstr("expected targets of the tokens' type 2x33xi32, found 1x2xi32"));
  wrong["input/tokens"] = floats({1, 2}, {0, 0});
  EXPECT_TRUE(failed(tryRunModel(source, wrong)));
  EXPECT_THAT(diagnostics, HasSubstr("expected input \"input/tokens\" as i32 [batch, sequence]"));
  wrong.erase("input/tokens");
  EXPECT_TRUE(failed(tryRunModel(source, wrong)));
  EXPECT_THAT(diagnostics, HasSubstr("found none of that name"));
}

TEST_P(ModelTest, TokensOutsideTheVocabularyAreClamped) {
  NamedTensors bindings = goldenBindings(readGolden("02_base_gqa_train"));
  std::string source = plainModel(97, 32, kGroupedAttention, true);
  bindings.erase("input/targets");
  bindings["input/tokens"] = ints({1, 3}, {-5, 96, 2000000000});
  auto outside = tryRunModel(source, bindings);
  bindings["input/tokens"] = ints({1, 3}, {0, 96, 96});
  auto inside = tryRunModel(source, bindings);
  ASSERT_TRUE(succeeded(outside) && succeeded(inside)) << diagnostics;
  EXPECT_EQ(outside->at("output/logits").elements(), inside->at("output/logits").elements());
  EXPECT_EQ(outside->count("output/loss.ce"), 0u);
}

TEST_P(ModelTest, RoutedExpertsAreRefused) {
  std::string source = routedModel(R"(
    %e = hydra.experts %y experts 2 layers 1 : tensor<?x?x32xf32> {
    ^bb0(%z: tensor<?x?x32xf32>):
      %m = hydra.mlp %z {hidden = 256 : i64} : tensor<?x?x32xf32>
      hydra.yield %m : tensor<?x?x32xf32>
    }
    hydra.yield %e : tensor<?x?x32xf32>)");
  EXPECT_TRUE(failed(tryRunModel(source, goldenBindings(readGolden("04_fixed_dense_train")))));
  EXPECT_THAT(diagnostics, HasSubstr("routed experts are not interpreted at the model tier"));
}

// Golden 03: attention by itself, one function per combination of switches.
struct AttentionCase {
  int64_t dim, heads, kvHeads, compression, taps;
  bool rope, norm, convs, mean, shift;
};

TEST_P(ModelTest, Golden03AttentionSwitches) {
  constexpr double kTolerance = 5e-5;
  const std::vector<AttentionCase> cases = {{32, 4, 2, 2, 3, true, true, true, true, true},
                                            {32, 4, 4, 2, 3, true, true, true, true, true},
                                            {32, 4, 1, 2, 3, true, true, true, true, true},
                                            {24, 3, 3, 2, 3, true, true, true, true, true},
                                            {48, 6, 3, 2, 3, true, true, true, true, true},
                                            {32, 4, 2, 2, 3, false, true, true, true, true},
                                            {32, 4, 2, 2, 3, true, false, true, true, true},
                                            {32, 4, 2, 2, 3, true, true, false, true, true},
                                            {32, 4, 2, 2, 3, true, true, true, false, true},
                                            {32, 4, 2, 2, 3, true, true, true, true, false},
                                            {32, 4, 4, 2, 3, true, false, false, true, true},
                                            {32, 4, 2, 2, 3, false, false, false, false, false},
                                            {32, 4, 2, 2, 5, true, true, true, true, true},
                                            {64, 8, 2, 4, 3, true, true, true, true, true},
                                            {32, 4, 2, 2, 3, true, true, true, true, true}};
  NamedTensors golden = readGolden("03_attention_switches");
  for (auto [index, c] : llvm::enumerate(cases)) {
    std::string prefix = (index < 10 ? "c0" : "c") + std::to_string(index) + ".";
    SCOPED_TRACE(prefix);
    NamedTensors bindings;
    for (const auto& [name, tensor] : goldenBindings(golden, prefix)) {
      if (name == "input/x")
        bindings["arg0"] = tensor;
      else if (name.rfind("parameter/", 0) == 0)
        bindings["parameter/attention." + name.substr(10)] = tensor;
    }
    const TensorValue& x = bindings.at("arg0");
    std::string type = "tensor<" + x.describeType() + ">";
    auto flag = [](const char* name, bool on) {
      return std::string(", ") + name + " = " + (on ? "true" : "false");
    };
    std::string source = "func.func @f(%x: " + type + ") -> " + type +
                         " {\n  %0 = hydra.ccgqa %x {heads = " + std::to_string(c.heads) +
                         " : i64, kv_heads = " + std::to_string(c.kvHeads) +
                         " : i64, compression = " + std::to_string(c.compression) +
                         " : i64, conv_kernel_size = " + std::to_string(c.taps) + " : i64" +
                         flag("rope", c.rope) + flag("qk_norm", c.norm) + flag("convs", c.convs) +
                         flag("qk_mean", c.mean) + flag("value_shift", c.shift) + "} : " + type +
                         "\n  return %0 : " + type + "\n}";
    auto outputs = tryRun(source, bindings, {precision(), false});
    ASSERT_TRUE(succeeded(outputs)) << diagnostics;
    expectClose(*outputs, "result0", golden.at(prefix + "out.y"), kTolerance);
  }
}

}  // namespace
