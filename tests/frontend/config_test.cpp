// What a config becomes: structural ops with its settings.
#include "dialects/hydra/HydraDialect.h"
#include "frontend/LoadSpec.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/frontend/diagnostic_collector.h"

namespace mlir::hydra {
namespace {

class ConfigTest : public testing::Test {
 protected:
  ModuleOp parse(StringRef text) {
    DiagnosticCollector collector(context_);
    auto module = parseConfig(text, "c.json", context_);
    EXPECT_TRUE(succeeded(module)) << collector.only();
    if (succeeded(module)) module_ = std::move(*module);
    return *module_;
  }

  template <typename OpT>
  OpT find(ModuleOp module) {
    OpT found;
    module.walk([&](OpT op) { found = op; });
    return found;
  }

  MLIRContext context_;
  OwningOpRef<ModuleOp> module_;
};

TEST_F(ConfigTest, DefaultsAreThoseOfTheConstructor) {
  ModuleOp module = parse("{\"model\": {\"kind\": \"hydra\"}}");
  auto model = find<LanguageModelOp>(module);
  EXPECT_EQ(model.getVocabSize(), 50257u);
  EXPECT_EQ(model.getDim(), 768u);
  EXPECT_EQ(model.getMaxSeqLen(), 2048u);
  EXPECT_EQ(model.getRules(), "pytorch");
  EXPECT_EQ(find<BlocksOp>(module).getCount(), 8u);
  EXPECT_EQ(find<RecursionOp>(module).getRecursions(), 4u);
  EXPECT_TRUE(find<RecursionOp>(module).getAdaptive());
  EXPECT_EQ(find<MlpOp>(module).getHidden(), 2304u);  // trunc(768 * 2.67) to a multiple of 256
  EXPECT_FALSE(find<DepthRoutingOp>(module).getAuxWeight().has_value());
  EXPECT_FALSE(find<ExpertsOp>(module));
}

TEST_F(ConfigTest, EverySettingArrives) {
  ModuleOp module = parse(R"({"model": {
    "rules": "corrected", "max_seq_len": 99, "vocab_size": 31, "dim": 48, "n_mor_blocks": 5,
    "recursions_per_block": 3, "n_heads": 6, "n_kv_heads": 3, "compression_factor": 2,
    "mlp_ratio": 3.6, "tie_weights": false, "use_rope": false, "use_qk_norm": false,
    "use_convs": false, "use_qk_mean": false, "use_value_shift": false, "conv_kernel_size": 5,
    "mod_capacity": 0.25, "aux_loss_weight": 0.125, "mod_mlp_warmup": 7,
    "mod_loss_aware_weight": 0.5, "mod_predictor_weight": 0.75, "adaptive": true, "mor_min_depth": 1, "mor_warmup": 11,
    "mor_advantage_loss_scale": 0.75, "dim_ref": 24, "depth_alpha": 0.5, "depth_scale_max": 1.5,
    "static_routing_mode": true, "moe_enabled": true, "moe_num_experts": 3, "moe_num_layers": 2,
    "moe_top_k": 2, "moe_aux_weight": 0.0625, "moe_warmup_steps": 13, "moe_capacity_factor": 1.25,
    "moe_router_jitter": 0.15625, "moe_identity_init": false, "moe_forced_routing_steps": 17,
    "moe_teacher_until_step": 19}})");
  auto model = find<LanguageModelOp>(module);
  EXPECT_EQ(model.getRules(), "corrected");
  EXPECT_EQ(model.getMaxSeqLen(), 99u);
  EXPECT_EQ(model.getVocabSize(), 31u);
  EXPECT_EQ(model->getAttrOfType<StringAttr>("hydra.routing").getValue(), "static");
  EXPECT_EQ(find<BlocksOp>(module).getCount(), 5u);
  EXPECT_FALSE(find<LmHeadOp>(module).getTied());

  auto attention = find<CcgqaOp>(module);
  EXPECT_EQ(attention.getHeads(), 6u);
  EXPECT_EQ(attention.getKvHeads(), 3u);
  EXPECT_EQ(attention.getCompression(), 2u);
  EXPECT_EQ(attention.getConvKernelSize(), 5u);
  for (bool flag : {attention.getRope(), attention.getQkNorm(), attention.getConvs(),
                    attention.getQkMean(), attention.getValueShift()})
    EXPECT_FALSE(flag);

  auto recursion = find<RecursionOp>(module);
  EXPECT_EQ(recursion.getRecursions(), 3u);
  EXPECT_TRUE(recursion.getAdaptive());
  EXPECT_EQ(recursion.getMinDepth(), 1u);
  EXPECT_EQ(recursion.getWarmup(), 11u);
  EXPECT_EQ(recursion.getAdvantageScale().convertToDouble(), 0.75);
  EXPECT_EQ(recursion.getDimRef(), 24u);
  EXPECT_EQ(recursion.getDepthAlpha().convertToDouble(), 0.5);
  EXPECT_EQ(recursion.getDepthScaleMax().convertToDouble(), 1.5);

  auto routing = find<DepthRoutingOp>(module);
  EXPECT_EQ(routing.getCapacity().convertToDouble(), 0.25);
  EXPECT_EQ(routing.getAuxWeight()->convertToDouble(), 0.125);
  EXPECT_EQ(routing.getWarmup(), 7u);
  EXPECT_EQ(routing.getLossAwareWeight().convertToDouble(), 0.5);
  EXPECT_EQ(routing.getPredictorWeight().convertToDouble(), 0.75);

  auto experts = find<ExpertsOp>(module);
  EXPECT_EQ(experts.getExperts(), 3u);
  EXPECT_EQ(experts.getLayers(), 2u);
  EXPECT_EQ(experts.getTopK(), 2u);
  EXPECT_EQ(experts.getAuxWeight().convertToDouble(), 0.0625);
  EXPECT_EQ(experts.getWarmupSteps(), 13u);
  EXPECT_EQ(experts.getCapacityFactor()->convertToDouble(), 1.25);
  EXPECT_EQ(experts.getRouterJitter().convertToDouble(), 0.15625);
  EXPECT_FALSE(experts.getIdentityInit());
  EXPECT_EQ(experts.getForcedRoutingSteps(), 17u);
  EXPECT_EQ(experts.getTeacherUntilStep(), 19u);
}

TEST_F(ConfigTest, PlainModelHasNoRouting) {
  ModuleOp module = parse(R"({"model": {"kind": "base", "recursions_per_block": 1}})");
  EXPECT_FALSE(find<RecursionOp>(module));
  EXPECT_FALSE(find<DepthRoutingOp>(module));
  EXPECT_FALSE(find<ExpertsOp>(module));
  module.walk([](ResidualOp op) { EXPECT_EQ(op.getScale().convertToDouble(), 1.0); });
}

TEST_F(ConfigTest, ZeroCapacityMeansNoDepthRouting) {
  ModuleOp module = parse(R"({"model": {"mod_capacity": 0}})");
  EXPECT_TRUE(find<RecursionOp>(module));
  EXPECT_FALSE(find<DepthRoutingOp>(module));
}

TEST_F(ConfigTest, RecursionCanBeFixed) {
  ModuleOp module = parse(R"({"model": {"adaptive": false}})");
  EXPECT_FALSE(find<RecursionOp>(module).getAdaptive());
}

// Dumps of all settings are configs: what does not apply may stand with its default.
TEST_F(ConfigTest, DefaultsMayStandWhereTheyDoNotApply) {
  ModuleOp module = parse(R"({"model": {"kind": "base", "recursions_per_block": 4,
      "mod_capacity": 0.5, "adaptive": true, "mor_min_depth": 0, "moe_enabled": false,
      "moe_num_experts": 4, "moe_capacity_factor": null, "static_routing_mode": false}})");
  EXPECT_FALSE(find<RecursionOp>(module));
}

TEST_F(ConfigTest, NullMeansAutomaticOrUnlimited) {
  ModuleOp module = parse(R"({"model": {"aux_loss_weight": null, "moe_enabled": true,
                                        "moe_capacity_factor": null}})");
  EXPECT_FALSE(find<DepthRoutingOp>(module).getAuxWeight().has_value());
  EXPECT_FALSE(find<ExpertsOp>(module).getCapacityFactor().has_value());
}

}  // namespace
}  // namespace mlir::hydra
