// Every way a config can be wrong gives one located message.
#include "frontend/LoadSpec.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/frontend/diagnostic_collector.h"

namespace mlir::hydra {
namespace {

struct BadConfig {
  const char* name;
  const char* text;
  const char* message;
};

class BadConfigTest : public testing::TestWithParam<BadConfig> {};

TEST_P(BadConfigTest, IsRefusedWithOneMessage) {
  MLIRContext context;
  DiagnosticCollector collector(context);
  EXPECT_TRUE(failed(parseConfig(GetParam().text, "c.json", context)));
  EXPECT_THAT(collector.only(), testing::HasSubstr(GetParam().message));
  EXPECT_EQ(collector.messages().size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadConfigTest,
    testing::Values(
        BadConfig{"not_json", "{\"model\": {\n  dim}}", "c.json:2:3: "},
        BadConfig{"empty", "", "c.json:1:1: "},
        BadConfig{"not_an_object", "[1]", "c.json:1:1: $: expected an object, found an array"},
        BadConfig{"no_model", "{\"run\": 1}", "found neither"},
        BadConfig{"model_and_cases", "{\"model\": {}, \"cases\": []}", "found both"},
        BadConfig{"unknown_top_key", "{\"modell\": {}}", "did you mean 'model'"},
        BadConfig{"unknown_key", "{\"model\": {\"dim\": 64,\n \"n_head\": 4}}",
                  "did you mean 'n_heads'"},
        BadConfig{"wrong_type", "{\"model\": {\n\"dim\": \"x\"}}",
                  "c.json:2:8: $.model.dim: expected an integer from 1 to 16777216, found the "
                  "string \"x\""},
        BadConfig{"fraction", "{\"model\": {\"dim\": 64.5}}", "$.model.dim: expected an integer"},
        BadConfig{"zero", "{\"model\": {\"vocab_size\": 0}}",
                  "$.model.vocab_size: expected an integer from 1"},
        BadConfig{"huge", "{\"model\": {\"dim\": 99999999999999999999}}", "$.model.dim: expected"},
        BadConfig{"bool", "{\"model\": {\"adaptive\": 1}}", "$.model.adaptive: expected"},
        BadConfig{"kind", "{\"model\": {\"kind\": \"plain\"}}",
                  "$.model.kind: expected one of \"hydra\", \"base\", found the string \"plain\""},
        BadConfig{"rules", "{\"model\": {\"rules\": \"fixed\"}}", "\"corrected\""},
        BadConfig{"capacity", "{\"model\": {\"mod_capacity\": 1.5}}",
                  "$.model.mod_capacity: expected a number from 0 to 1"},
        BadConfig{"negative_weight", "{\"model\": {\"aux_loss_weight\": -1}}",
                  "$.model.aux_loss_weight: expected a number of at least 0"},
        BadConfig{"null_size", "{\"model\": {\"dim\": null}}", "$.model.dim: expected"},
        BadConfig{"kv_heads", "{\"model\": {\"n_heads\": 12,\n\"n_kv_heads\": 5}}",
                  "c.json:2:15: $.model.n_kv_heads: expected n_kv_heads to divide n_heads = 12, "
                  "found 5"},
        BadConfig{"heads", "{\"model\": {\"dim\": 64, \"n_heads\": 3, \"n_kv_heads\": 1}}",
                  "expected n_heads to divide dim / compression_factor = 64 / 4 = 16, found 3"},
        BadConfig{"odd_head", "{\"model\": {\"dim\": 36, \"n_heads\": 3, \"n_kv_heads\": 1}}",
                  "expected an even head width"},
        BadConfig{"min_depth", "{\"model\": {\"recursions_per_block\": 2, \"mor_min_depth\": 2}}",
                  "expected mor_min_depth < recursions_per_block = 2, found 2"},
        BadConfig{"top_k", "{\"model\": {\"moe_num_experts\": 2, \"moe_top_k\": 3}}",
                  "expected moe_top_k <= moe_num_experts = 2, found 3"},
        BadConfig{"empty_model", "{\"model\": {}}", "expected the settings of a model"},
        BadConfig{"kind_outside", "{\"kind\": \"base\"}",
                  "inside the object model, as in {\"model\": {\"kind\": ...}}"},
        BadConfig{"dim_beside", "{\"model\": {\"kind\": \"base\"},\n\"dim\": 8}", "c.json:2:8: "},
        BadConfig{"base_with_experts", "{\"model\": {\"kind\": \"base\", \"moe_enabled\": true}}",
                  "$.model.moe_enabled: moe_enabled has no effect in a model of kind \"base\""},
        BadConfig{"base_with_passes",
                  "{\"model\": {\"kind\": \"base\", \"recursions_per_block\": 2}}",
                  "recursions_per_block has no effect"},
        BadConfig{"experts_off", "{\"model\": {\"moe_top_k\": 2}}",
                  "moe_top_k has no effect without experts (moe_enabled: true); remove the key"},
        BadConfig{"fixed_depth", "{\"model\": {\"adaptive\": false, \"mor_warmup\": 5}}",
                  "mor_warmup has no effect without adaptive recursion"},
        BadConfig{"no_depth_routing", "{\"model\": {\"mod_capacity\": 0, \"mod_mlp_warmup\": 5}}",
                  "mod_mlp_warmup has no effect without depth routing"},
        BadConfig{"duplicate_key", "{\"model\": {\"dim\": 64, \"dim\": 32}}", "dim"},
        BadConfig{"no_cases", "{\"cases\": []}", "expected at least one case"},
        BadConfig{"case_without_seq", "{\"cases\": [{\"prefix\": \"c.\"}]}", "seq"},
        BadConfig{
            "case_twice",
            "{\"cases\": [{\"prefix\": \"c.\", \"seq\": 2}, {\"prefix\": \"c.\", \"seq\": 3}]}",
            "two cases have the prefix \"c.\""}),
    [](const testing::TestParamInfo<BadConfig>& info) { return info.param.name; });

TEST(BadSpecTest, MissingFileAndWrongExtension) {
  MLIRContext context;
  DiagnosticCollector collector(context);
  EXPECT_TRUE(failed(loadSpec("does/not/exist.json", context)));
  EXPECT_TRUE(failed(loadSpec("model.yaml", context)));
  ASSERT_EQ(collector.messages().size(), 2u);
  EXPECT_THAT(collector.messages()[0], testing::HasSubstr("cannot read the model spec"));
  EXPECT_THAT(collector.messages()[1], testing::HasSubstr(".mlir or .json"));
}

TEST(BadSpecTest, NoModelInside) {
  MLIRContext context;
  DiagnosticCollector collector(context);
  EXPECT_TRUE(failed(parseSpec("// nothing\n", "m.mlir", context)));
  EXPECT_THAT(collector.only(), testing::HasSubstr("expected a hydra.model or a function"));
}

TEST(BadSpecTest, DeepBracketsDoNotOverflowTheStack) {
  MLIRContext context;
  DiagnosticCollector collector(context);
  for (const char* bracket : {"[", "(", "{", "tuple<"}) {
    std::string text = "module attributes {a = ";
    for (int i = 0; i < 200000; ++i) text += bracket;
    EXPECT_TRUE(failed(parseSpec(text, "m.mlir", context)));
  }
  for (const std::string& message : collector.messages())
    EXPECT_THAT(message, testing::HasSubstr("nested at most 128 deep"));
  EXPECT_EQ(collector.messages().size(), 4u);
}

TEST(BadSpecTest, VerifierErrorsAreLocated) {
  MLIRContext context;
  DiagnosticCollector collector(context);
  const char* text = R"(hydra.model @m attributes {vocab_size = 8, dim = 4, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x6xf32>
  %1 = hydra.lm_head %0 : tensor<?x?x6xf32> -> tensor<?x?x8xf32>
  hydra.yield %1 : tensor<?x?x8xf32>
})";
  EXPECT_TRUE(failed(parseSpec(text, "m.mlir", context)));
  EXPECT_THAT(collector.messages().front(),
              testing::AllOf(testing::HasSubstr("m.mlir:3:"),
                             testing::HasSubstr("expected width 4, the model's dim, found 6")));
}

}  // namespace
}  // namespace mlir::hydra
