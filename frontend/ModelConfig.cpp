#include "frontend/ModelConfig.h"

#include "dialects/hydra/ModelRules.h"
#include "frontend/ConfigReader.h"

#include "llvm/ADT/STLExtras.h"

#include <limits>

using namespace mlir::hydra;

// Bounds that no real model reaches; they keep products of sizes within int64.
static constexpr int64_t kMaxWidth = int64_t(1) << 24;
static constexpr int64_t kMaxExtent = int64_t(1) << 31;
static constexpr int64_t kMaxRepetition = 512;
static constexpr int64_t kMaxSteps = int64_t(1) << 53;
static constexpr double kNoLimit = std::numeric_limits<double>::max();

int64_t ModelConfig::hidden() const {
  int64_t exact = static_cast<int64_t>(static_cast<double>(attention.dim) * mlpRatio);
  return (exact + 255) / 256 * 256;
}

void mlir::hydra::readAttention(ConfigReader &reader, AttentionConfig &config) {
  reader.integer("dim", config.dim, 1, kMaxWidth);
  reader.integer("n_heads", config.nHeads, 1, kMaxWidth);
  reader.integer("n_kv_heads", config.nKvHeads, 1, kMaxWidth);
  reader.integer("compression_factor", config.compressionFactor, 1, kMaxWidth);
  reader.integer("conv_kernel_size", config.convKernelSize, 1, kMaxRepetition);
  reader.boolean("use_rope", config.useRope);
  reader.boolean("use_qk_norm", config.useQkNorm);
  reader.boolean("use_convs", config.useConvs);
  reader.boolean("use_qk_mean", config.useQkMean);
  reader.boolean("use_value_shift", config.useValueShift);

  int64_t latent = config.dim / config.compressionFactor;
  reader.check(config.nHeads % config.nKvHeads == 0, "n_kv_heads",
               absl::StrCat("expected n_kv_heads to divide n_heads = ", config.nHeads, ", found ",
                            config.nKvHeads));
  reader.check(latent >= config.nHeads && latent % config.nHeads == 0, "n_heads",
               absl::StrCat("expected n_heads to divide dim / compression_factor = ", config.dim,
                            " / ", config.compressionFactor, " = ", latent, ", found ",
                            config.nHeads));
  reader.check(
      latent / config.nHeads % 2 == 0, "n_heads",
      absl::StrCat("expected an even head width dim / compression_factor / n_heads, found ",
                   latent / config.nHeads, "; change n_heads, compression_factor or dim"));
}

namespace {

// Keys that have no effect in a part of the models. They may stand with their default, so that
// complete dumps of all settings are configs; any other value would be ignored.
class Inapplicable {
public:
  Inapplicable(ConfigReader &reader, bool inapplicable, std::string reason)
      : reader(reader), inapplicable(inapplicable), reason(std::move(reason)) {}

  template <typename T> Inapplicable &key(absl::string_view key, const T &value, const T &initial) {
    reader.check(!inapplicable || value == initial, key,
                 absl::StrCat(key, " has no effect ", reason, "; remove the key"));
    return *this;
  }

private:
  ConfigReader &reader;
  bool inapplicable;
  std::string reason;
};

} // namespace

static void refuseInapplicable(ConfigReader &reader, const ModelConfig &config) {
  const ModelConfig initial;
  bool base = config.kind == "base";
  Inapplicable(reader, base, "in a model of kind \"base\", which routes nothing")
      // One pass is what a base block makes.
      .key("recursions_per_block",
           config.recursionsPerBlock == 1 ? initial.recursionsPerBlock : config.recursionsPerBlock,
           initial.recursionsPerBlock)
      .key("mod_capacity", config.modCapacity, initial.modCapacity)
      .key("adaptive", config.adaptive, initial.adaptive)
      .key("dim_ref", config.dimRef, initial.dimRef)
      .key("depth_alpha", config.depthAlpha, initial.depthAlpha)
      .key("depth_scale_max", config.depthScaleMax, initial.depthScaleMax)
      .key("static_routing_mode", config.staticRoutingMode, initial.staticRoutingMode)
      .key("moe_enabled", config.moeEnabled, initial.moeEnabled);
  Inapplicable(reader, base || config.modCapacity <= 0, "without depth routing (mod_capacity > 0)")
      .key("aux_loss_weight", config.auxLossWeight, initial.auxLossWeight)
      .key("mod_mlp_warmup", config.modMlpWarmup, initial.modMlpWarmup)
      .key("mod_loss_aware_weight", config.modLossAwareWeight, initial.modLossAwareWeight)
      .key("mod_predictor_weight", config.modPredictorWeight, initial.modPredictorWeight);
  Inapplicable(reader, base || !config.adaptive, "without adaptive recursion (adaptive: true)")
      .key("mor_min_depth", config.morMinDepth, initial.morMinDepth)
      .key("mor_warmup", config.morWarmup, initial.morWarmup)
      .key("mor_advantage_loss_scale", config.morAdvantageLossScale, initial.morAdvantageLossScale);
  Inapplicable(reader, base || !config.moeEnabled, "without experts (moe_enabled: true)")
      .key("moe_num_experts", config.moeNumExperts, initial.moeNumExperts)
      .key("moe_num_layers", config.moeNumLayers, initial.moeNumLayers)
      .key("moe_top_k", config.moeTopK, initial.moeTopK)
      .key("moe_aux_weight", config.moeAuxWeight, initial.moeAuxWeight)
      .key("moe_warmup_steps", config.moeWarmupSteps, initial.moeWarmupSteps)
      .key("moe_capacity_factor", config.moeCapacityFactor, initial.moeCapacityFactor)
      .key("moe_router_jitter", config.moeRouterJitter, initial.moeRouterJitter)
      .key("moe_identity_init", config.moeIdentityInit, initial.moeIdentityInit)
      .key("moe_forced_routing_steps", config.moeForcedRoutingSteps, initial.moeForcedRoutingSteps)
      .key("moe_teacher_until_step", config.moeTeacherUntilStep, initial.moeTeacherUntilStep);
}

static void readRouting(ConfigReader &reader, ModelConfig &config) {
  reader.number("mod_capacity", config.modCapacity, 0.0, 1.0);
  reader.optionalNumber("aux_loss_weight", config.auxLossWeight, 0.0, kNoLimit);
  reader.integer("mod_mlp_warmup", config.modMlpWarmup, 0, kMaxSteps);
  reader.number("mod_loss_aware_weight", config.modLossAwareWeight, 0.0, kNoLimit);
  reader.number("mod_predictor_weight", config.modPredictorWeight, 0.0, kNoLimit);
  reader.boolean("adaptive", config.adaptive);
  reader.integer("mor_min_depth", config.morMinDepth, 0, kMaxRepetition - 1);
  reader.check(config.morMinDepth < config.recursionsPerBlock, "mor_min_depth",
               absl::StrCat("expected mor_min_depth < recursions_per_block = ",
                            config.recursionsPerBlock, ", found ", config.morMinDepth));
  reader.integer("mor_warmup", config.morWarmup, 0, kMaxSteps);
  reader.number("mor_advantage_loss_scale", config.morAdvantageLossScale, 0.0, kNoLimit);
  reader.integer("dim_ref", config.dimRef, 1, kMaxWidth);
  reader.number("depth_alpha", config.depthAlpha, -kNoLimit, kNoLimit);
  reader.number("depth_scale_max", config.depthScaleMax, 1.0, kNoLimit);
  reader.boolean("static_routing_mode", config.staticRoutingMode);
}

static void readExperts(ConfigReader &reader, ModelConfig &config) {
  reader.boolean("moe_enabled", config.moeEnabled);
  reader.integer("moe_num_experts", config.moeNumExperts, 1, kMaxRepetition);
  reader.integer("moe_num_layers", config.moeNumLayers, 0, kMaxRepetition);
  reader.integer("moe_top_k", config.moeTopK, 1, kMaxRepetition);
  reader.check(config.moeTopK <= config.moeNumExperts, "moe_top_k",
               absl::StrCat("expected moe_top_k <= moe_num_experts = ", config.moeNumExperts,
                            ", found ", config.moeTopK));
  reader.number("moe_aux_weight", config.moeAuxWeight, 0.0, kNoLimit);
  reader.integer("moe_warmup_steps", config.moeWarmupSteps, 0, kMaxSteps);
  reader.optionalNumber("moe_capacity_factor", config.moeCapacityFactor, 0.0, kNoLimit);
  reader.number("moe_router_jitter", config.moeRouterJitter, 0.0, kNoLimit);
  reader.boolean("moe_identity_init", config.moeIdentityInit);
  reader.integer("moe_forced_routing_steps", config.moeForcedRoutingSteps, 0, kMaxSteps);
  reader.integer("moe_teacher_until_step", config.moeTeacherUntilStep, 0, kMaxSteps);
}

// Every key of a model, in any kind.
static void readAll(ConfigReader &reader, ModelConfig &config) {
  reader.choice("kind", config.kind, {"hydra", "base"});
  reader.text("rules", config.rules);
  reader.check(
      ModelRules::parse(config.rules).has_value(), "rules",
      absl::StrCat("expected ", ModelRules::expected().str(), ", found \"", config.rules, "\""));
  reader.integer("max_seq_len", config.maxSeqLen, 1, kMaxExtent);
  reader.integer("vocab_size", config.vocabSize, 1, kMaxExtent);
  reader.integer("n_mor_blocks", config.nMorBlocks, 1, kMaxRepetition);
  reader.integer("recursions_per_block", config.recursionsPerBlock, 1, kMaxRepetition);
  reader.number("mlp_ratio", config.mlpRatio, 1.0 / 1024, 64.0);
  reader.boolean("tie_weights", config.tieWeights);
  readAttention(reader, config.attention);
  reader.check(config.hidden() > 0, "mlp_ratio", "expected dim * mlp_ratio of at least 1");
  readRouting(reader, config);
  readExperts(reader, config);
}

absl::StatusOr<ModelConfig> mlir::hydra::readModelConfig(::hydra::JsonView object) {
  ModelConfig config;
  ConfigReader reader(object);
  readAll(reader, config);
  refuseInapplicable(reader, config);
  HYDRA_RETURN_IF_ERROR(reader.finish());
  // All defaults together are a model of 50257 x 768 that nobody asks for with two braces.
  if (object.size() == 0)
    return object.Expected(
        "the settings of a model, at least one: every key has a default, but "
        "{\"vocab_size\": 256, \"dim\": 256} says what is meant (docs/config.md)");
  return config;
}

bool mlir::hydra::isModelKey(absl::string_view key) {
  absl::StatusOr<::hydra::JsonDocument> empty = ::hydra::JsonDocument::Parse("{}", "");
  ModelConfig config;
  ConfigReader reader(empty->root());
  readAll(reader, config);
  return llvm::is_contained(reader.keys(), key);
}
