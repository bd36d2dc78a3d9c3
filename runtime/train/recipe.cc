#include "runtime/train/recipe.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/str_format.h"
#include "runtime/train/model_size.h"

namespace hydra::train {
namespace {

std::optional<double> NumberUnlessAuto(const Settings& settings, absl::string_view key) {
  if (settings.automatic(key)) return std::nullopt;
  return settings.Number(key);
}

}  // namespace

absl::StatusOr<Recipe> Recipe::Create(const Settings& settings, const EngineFacts& facts) {
  HYDRA_RETURN_IF_ERROR(CheckSettings(settings));
  HYDRA_ASSIGN_OR_RETURN(const ModelSize size,
                         FindModelSize(settings.Text("size"), facts.model, facts.parameter_count));
  std::optional<int64_t> warmup;
  if (!settings.automatic("warmup_steps")) warmup = settings.Integer("warmup_steps");
  HYDRA_ASSIGN_OR_RETURN(
      const Schedule schedule,
      Schedule::Create({.steps = settings.Integer("steps"),
                        .max_lr = NumberUnlessAuto(settings, "lr").value_or(size.max_lr),
                        .min_lr = NumberUnlessAuto(settings, "min_lr"),
                        .warmup_steps = warmup,
                        .stable_fraction = settings.Number("stable_fraction"),
                        .floor_warmup = settings.Boolean("lr_floor_in_warmup")}));
  Recipe recipe(schedule);
  recipe.grad_clip_ = NumberUnlessAuto(settings, "grad_clip").value_or(size.grad_clip);
  recipe.spike_norm_ =
      NumberUnlessAuto(settings, "spike_norm").value_or(DefaultSpikeNorm(facts.parameter_count));
  recipe.spike_lr_factor_ = settings.Number("spike_lr_factor");
  recipe.noise_seed_ = static_cast<uint64_t>(settings.Integer("seed"));
  recipe.SetClipping(settings, facts.rules == "corrected");
  recipe.controls_ = {
      {"weight_decay", settings.Number("weight_decay")},
      {"clip_min", recipe.clip_min_},
      {"clip_max", recipe.clip_max_},
      {"clip_factor", recipe.clip_factor_},
      {"clip_ema_decay", recipe.clip_ema_decay_},
      {"spike_norm", recipe.spike_norm_},
      {"spike_lr_factor", recipe.spike_lr_factor_},
  };
  for (const char* key : {"ponder_weight", "moe_teacher_weight"}) {
    recipe.controls_.emplace_back(key, settings.Number(key));
  }
  for (const char* key :
       {"mod_aux_weight", "mod_loss_aware_weight", "mod_predictor_weight", "moe_aux_weight"}) {
    if (!settings.automatic(key)) recipe.controls_.emplace_back(key, settings.Number(key));
  }
  recipe.Describe(settings, absl::StrCat(size.from_table ? "size " : "", size.name));
  return recipe;
}

void Recipe::SetClipping(const Settings& settings, bool corrected) {
  clip_min_ = settings.Number("clip_min");
  clip_max_ = settings.Number("clip_max");
  clip_factor_ = settings.Number("clip_factor");
  clip_ema_decay_ = settings.Number("clip_ema_decay");
  if (settings.Boolean("clip_dynamic")) {
    if (settings.given("grad_clip") && clip_factor_ * initial_grad_norm() < clip_min_) {
      warnings_.push_back(absl::StrFormat(
          "grad_clip = %g has no effect yet: the limit follows the moving norm and never goes "
          "below clip_min = %g; --set clip_min=%g lowers it, clip_dynamic=false fixes the limit",
          grad_clip_, clip_min_, grad_clip_));
    }
    return;
  }
  // The moving norm stays where it starts (model.md 13, Q24).
  clip_ema_decay_ = 0;
  double limit = grad_clip_;
  if (!corrected) {
    const double kept =
        std::min(clip_max_, std::max(clip_min_, clip_factor_ * initial_grad_norm()));
    limit = std::max(grad_clip_, kept);
    if (limit > grad_clip_) {
      warnings_.push_back(absl::StrFormat(
          "grad_clip = %g is not reached: the rules of the PyTorch HYDRA clip at %g; --set "
          "clip_min=%g lowers it",
          grad_clip_, limit, grad_clip_));
    }
  }
  clip_min_ = clip_max_ = limit;
}

void Recipe::Describe(const Settings& settings, absl::string_view size) {
  const int64_t steps = settings.Integer("steps"), warmup = schedule_.warmup_steps();
  const double reached = schedule_.LearningRate(std::min(steps, warmup) - (warmup > 0 ? 1 : 0));
  std::string line = absl::StrFormat("learning rate %.3g%s", schedule_.max_lr(),
                                     settings.automatic("lr") ? absl::StrCat(" (", size, ")") : "");
  if (warmup > 0) absl::StrAppendFormat(&line, ", warm-up over %d steps", warmup);
  if (warmup < steps) {
    absl::StrAppendFormat(&line, ", from step %d down to %.3g", schedule_.decay_start() + 1,
                          schedule_.min_lr());
  }
  lines_.push_back(line);
  line = settings.Boolean("clip_dynamic")
             ? absl::StrFormat("gradient norm clipped at %g x its moving average, %g to %g",
                               clip_factor_, clip_min_, clip_max_)
             : absl::StrFormat("gradient norm clipped at %g", clip_max_);
  absl::StrAppend(&line, "; weight decay ", settings.Text("weight_decay"));
  lines_.push_back(line);
  if (warmup > steps && reached < schedule_.max_lr()) {
    warnings_.push_back(absl::StrFormat(
        "the learning rate %.3g is not reached: the warm-up of %d steps is longer than the run of "
        "%d, which ends at %.3g; --set warmup_steps=N shortens it",
        schedule_.max_lr(), warmup, steps, reached));
  }
}

}  // namespace hydra::train
