// Parameter counts of model.md 17, order and initial values of the table.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include "gmock/gmock.h"
#include "llvm/ADT/StringExtras.h"
#include "passes/lowering/ParameterTable.h"
#include "tests/base/test_paths.h"
#include "tests/lowering/lowering_fixture.h"

namespace mlir::hydra {
namespace {

int64_t countValues(ArrayRef<Parameter> table) {
  int64_t total = 0;
  for (const Parameter& parameter : table) {
    int64_t values = 1;
    for (int64_t extent : parameter.shape) values *= extent;
    total += values;
  }
  return total;
}

class ParameterTableTest : public RoutingTest {
 protected:
  SmallVector<Parameter> table(FailureOr<OwningOpRef<ModuleOp>> module) {
    EXPECT_TRUE(succeeded(module));
    if (failed(module)) return {};
    auto parameters = collectParameters(*(**module).getOps<LanguageModelOp>().begin());
    EXPECT_TRUE(succeeded(parameters));
    return succeeded(parameters) ? *parameters : SmallVector<Parameter>();
  }
  SmallVector<Parameter> ofConfig(const std::string& model) {
    return table(parseConfig("{\"model\": {" + model + "}}", "config", context_));
  }
  SmallVector<Parameter> ofFile(const std::string& name) {
    return table(loadSpec(::hydra::testing::SourceDir() + "/models/" + name, context_));
  }
};

struct Size {
  const char* name;
  int64_t dim, blocks, recursions, heads, kvHeads;
  int64_t count36, count267;  // with mlp_ratio 3.6 and 2.67
};

TEST_F(ParameterTableTest, CountsOfTheTrainersTable) {
  const Size sizes[] = {
      {"debug", 512, 2, 2, 8, 2, 32479236, 30906372},
      {"50M", 512, 8, 3, 8, 2, 52731926, 46440470},
      {"100M", 768, 8, 4, 12, 3, 94562326, 85125142},
      {"250M", 1024, 10, 4, 16, 4, 178356252, 146898972},
      {"300M", 1152, 12, 4, 18, 3, 251112994, 208645666},
      {"500M", 1792, 14, 4, 28, 4, 625977896, 491104808},
      {"750M", 1536, 18, 4, 24, 4, 578036788, 471868468},
      {"1B", 1792, 20, 4, 28, 4, 855657530, 662981690},
      {"1.5B", 2048, 22, 4, 32, 4, 1177081920, 934860864},
      {"debug_tall_skinny", 384, 12, 2, 6, 2, 42195490, 38656546},
      {"DIAG", 768, 8, 5, 12, 3, 94574614, 85137430},
  };
  for (const Size& size : sizes) {
    std::string model = "\"dim\": " + std::to_string(size.dim) +
                        ", \"n_mor_blocks\": " + std::to_string(size.blocks) +
                        ", \"recursions_per_block\": " + std::to_string(size.recursions) +
                        ", \"n_heads\": " + std::to_string(size.heads) +
                        ", \"n_kv_heads\": " + std::to_string(size.kvHeads);
    EXPECT_EQ(countValues(ofConfig(model + ", \"mlp_ratio\": 3.6")), size.count36) << size.name;
    EXPECT_EQ(countValues(ofConfig(model)), size.count267) << size.name;
  }
}

TEST_F(ParameterTableTest, CountsOfConstructorDefaultsAndExperts) {
  EXPECT_EQ(countValues(ofConfig(R"("dim": 1536, "n_mor_blocks": 4, "recursions_per_block": 6,
                                    "n_heads": 24, "n_kv_heads": 4)")),
            164923402);
  EXPECT_EQ(countValues(ofConfig(R"("kind": "base", "dim": 1344, "n_mor_blocks": 24, "n_heads": 21,
                                    "n_kv_heads": 3)")),
            472709784);
  EXPECT_EQ(countValues(ofConfig(R"("mlp_ratio": 3.6, "moe_enabled": true)")), 146474520);
}

TEST_F(ParameterTableTest, CountsOfTheModels) {
  EXPECT_EQ(countValues(ofFile("hydra-nano.mlir")), 1376842);
  EXPECT_EQ(countValues(ofFile("plain.mlir")), 1371844);
  EXPECT_EQ(countValues(ofFile("gpt2-124m.mlir")), 124439808);
  EXPECT_EQ(countValues(ofFile("llama-small.mlir")), 124668672);
}

// Of the specs that scripts/model-specs writes; --check of it, another test, holds their first
// lines to the figures of docs/spec/model.md.
TEST_F(ParameterTableTest, CountsOfTheSizesAreThoseOfTheirFirstLines) {
  std::map<std::string, int64_t> counts;
  for (const auto& file :
       std::filesystem::directory_iterator(::hydra::testing::SourceDir() + "/models")) {
    std::ifstream stream(file.path());
    std::string first, second;
    std::getline(stream, first);
    std::getline(stream, second);
    if (!StringRef(second).contains("scripts/model-specs")) continue;
    // "// hydra-50m: 50M of the trainer's table, 52,731,926 parameters."
    std::string digits;
    for (char c : StringRef(first).split(", ").second)
      if (llvm::isDigit(c)) digits += c;
    std::string name = file.path().filename().string();
    int64_t stated = 0;
    EXPECT_TRUE(llvm::to_integer(digits, stated)) << name << ": " << first;
    counts[name] = countValues(ofFile(name));
    EXPECT_EQ(counts[name], stated) << name;
  }
  EXPECT_EQ(counts.size(), 19u);
  EXPECT_EQ(counts["hydra-100m.mlir"], 94562326);
  EXPECT_EQ(counts["hydra-4b-v.mlir"], 8013561974);
}

// The order is that of the PyTorch HYDRA's state dict.
TEST_F(ParameterTableTest, OrderWithinABlockAndOfExpertLayers) {
  SmallVector<Parameter> parameters =
      ofConfig(R"("vocab_size": 97, "dim": 32, "n_mor_blocks": 3, "recursions_per_block": 3,
                  "n_heads": 4, "n_kv_heads": 2, "compression_factor": 2, "tie_weights": false,
                  "moe_enabled": true, "moe_num_experts": 2, "moe_num_layers": 1)");
  std::vector<std::string> names;
  for (const Parameter& parameter : parameters) names.push_back(parameter.name);
  std::vector<std::string> expected = {"tok_emb.weight"};
  for (int i = 0; i < 3; ++i)
    for (const char* leaf :
         {"attention.key_temperature", "attention.qkv_proj.weight", "attention.o_proj.weight",
          "attention.q_conv.conv1.weight", "attention.q_conv.conv2.weight",
          "attention.k_conv.conv1.weight", "attention.k_conv.conv2.weight", "norm1.weight",
          "mlp.gate_up.weight", "mlp.down.weight", "norm2.weight",
          "mod_mlp_wrapper.mod_router.router.weight", "mod_mlp_wrapper.mod_router.router.bias",
          "mor_router.router.weight", "mor_router.router.bias", "mor_executor.recursion_bias",
          "mor_executor.recursion_embed.weight", "final_norm.weight"})
      if (i == 1 || !StringRef(leaf).contains("mod_router"))
        expected.push_back("layers." + std::to_string(i) + "." + leaf);
  for (const char* name :
       {"moe_layers.0.residual_alpha", "moe_layers.0.norm.weight",
        "moe_layers.0.router.gate.weight", "moe_layers.0.experts.0.gate_up.weight",
        "moe_layers.0.experts.0.down.weight", "moe_layers.0.experts.1.gate_up.weight",
        "moe_layers.0.experts.1.down.weight", "norm.weight", "output.weight"})
    expected.push_back(name);
  EXPECT_EQ(names, expected);
}

TEST_F(ParameterTableTest, InitialValues) {
  SmallVector<Parameter> parameters =
      ofConfig(R"("vocab_size": 97, "dim": 32, "n_mor_blocks": 3, "recursions_per_block": 3,
                  "n_heads": 4, "n_kv_heads": 2, "compression_factor": 2, "mod_capacity": 0.25,
                  "dim_ref": 8, "depth_alpha": 0.25, "depth_scale_max": 4.0)");
  std::map<std::string, const Parameter*> byName;
  for (const Parameter& parameter : parameters) byName[parameter.name] = &parameter;
  auto constant = [&](const std::string& name) {
    EXPECT_EQ(byName.at(name)->init, InitKind::constant) << name;
    return byName.at(name)->initial;
  };
  EXPECT_DOUBLE_EQ(constant("layers.0.attention.key_temperature"), 2.0);
  EXPECT_DOUBLE_EQ(constant("layers.0.norm1.weight"), 1.0);
  EXPECT_DOUBLE_EQ(constant("layers.2.mor_executor.recursion_bias"), 0.0);
  EXPECT_DOUBLE_EQ(constant("layers.1.mod_mlp_wrapper.mod_router.router.bias"),
                   std::log(0.25 / 0.75));
  // sigma = 4^(1/4); pi_1 = 1 - (1 - 0.35) / sigma.
  double target = 1 - 0.65 / std::sqrt(2.0);
  EXPECT_NEAR(constant("layers.1.mor_router.router.bias"), std::log(target / (1 - target)), 1e-12);
  const Parameter& down = *byName.at("layers.1.mlp.down.weight");
  EXPECT_EQ(down.init, InitKind::normal);
  EXPECT_DOUBLE_EQ(down.initial, 0.02);
  EXPECT_DOUBLE_EQ(down.residualScale, 1 / std::sqrt(18.0));
  EXPECT_THAT(down.aliases, testing::ElementsAre("layers.1.mod_mlp_wrapper.mlp.down.weight"));
  EXPECT_TRUE(byName.at("layers.0.mlp.down.weight")->aliases.empty());
  EXPECT_DOUBLE_EQ(byName.at("layers.0.attention.o_proj.weight")->residualScale,
                   1 / std::sqrt(18.0));
  EXPECT_DOUBLE_EQ(byName.at("layers.0.attention.qkv_proj.weight")->residualScale, 1.0);
  EXPECT_THAT(byName.at("tok_emb.weight")->aliases, testing::ElementsAre("output.weight"));
}

TEST_F(ParameterTableTest, OptimizerFactors) {
  auto factors = [](const char* name, bool experts) {
    OptimizerFactors f = optimizerFactors(name, experts);
    return std::pair(f.learningRate, f.decay);
  };
  EXPECT_EQ(factors("tok_emb.weight", false), std::pair(0.1, 0.0));
  EXPECT_EQ(factors("layers.1.mor_executor.recursion_embed.weight", false), std::pair(0.1, 0.0));
  EXPECT_EQ(factors("layers.1.mlp.down.weight", false), std::pair(1.0, 1.0));
  EXPECT_EQ(factors("layers.1.norm1.weight", false), std::pair(1.0, 0.0));
  EXPECT_EQ(factors("layers.1.mor_router.router.bias", false), std::pair(1.0, 0.0));
  EXPECT_EQ(factors("layers.1.mor_router.router.weight", true), std::pair(1.0, 1.0));
  EXPECT_EQ(factors("moe_layers.0.experts.1.down.weight", true), std::pair(0.5, 3.0));
  EXPECT_EQ(factors("moe_layers.0.router.gate.weight", true), std::pair(3.0, 1.0));
  EXPECT_EQ(factors("moe_layers.0.norm.weight", true), std::pair(1.0, 0.0));
}

TEST(ExpertPlacementTest, FollowsTheRule) {
  using testing::ElementsAre;
  EXPECT_THAT(expertPlacement(8, 2), ElementsAre(2, 4));
  EXPECT_THAT(expertPlacement(8, 1), ElementsAre(3));
  EXPECT_THAT(expertPlacement(20, 6), ElementsAre(2, 5, 7, 10, 12, 15));
  EXPECT_THAT(expertPlacement(4, 9), ElementsAre(1, 2));
  EXPECT_THAT(expertPlacement(2, 1), ElementsAre());
  EXPECT_THAT(expertPlacement(8, 0), ElementsAre());
}

TEST(BalanceWeightTest, AutomaticValue) {
  EXPECT_DOUBLE_EQ(automaticBalanceWeight(3, 3, 32), 0.5);
  EXPECT_DOUBLE_EQ(automaticBalanceWeight(16, 4, 3072), 0.5 * 2 * 2);
}

}  // namespace
}  // namespace mlir::hydra
