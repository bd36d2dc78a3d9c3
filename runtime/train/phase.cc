#include "runtime/train/phase.h"

#include <algorithm>

namespace hydra::train {
namespace {

// min(1, step / max(1, length)).
double Ramp(int64_t step, int64_t length) {
  return std::min(1.0,
                  static_cast<double>(step) / static_cast<double>(std::max<int64_t>(1, length)));
}

// By recursion (fixed, blend, adaptive), whether depth routing selects, whether experts are forced.
constexpr absl::string_view kVariants[3][2][2] = {
    {{"fixed", "fixed_forced"}, {"fixed_mod", "fixed_mod_forced"}},
    {{"blend", "blend_forced"}, {"blend_mod", "blend_mod_forced"}},
    {{"adaptive", "adaptive_forced"}, {"adaptive_mod", "adaptive_mod_forced"}}};

}  // namespace

std::array<Phase::Control, 4> Phase::Controls(double advantage_multiplier) const {
  return {{{"mor_blend", mor_blend},
           {"mor_ponder_warmup", ponder_warmup},
           {"advantage_weight", advantage_ramp * advantage_multiplier},
           {"moe_ramp", expert_ramp}}};
}

Phase PhaseAt(const PhaseModel& model, const PhaseCurriculum& curriculum, int64_t step,
              int64_t ponder_step, std::optional<double> lowest_loss) {
  Phase phase;
  if (model.adaptive) phase.mor_blend = RecursionBlend(curriculum.recursion, step);
  phase.ponder_warmup = Ramp(ponder_step, model.mor_warmup);
  phase.advantage_ramp = AdvantageRamp(curriculum.recursion, step);
  if (model.experts && model.experts_start_silent)
    phase.expert_ramp = Ramp(step, model.expert_warmup);
  phase.teacher =
      model.experts && (model.teacher_until_step <= 0 || step < model.teacher_until_step);
  const int recursion = phase.mor_blend <= 0 ? 0 : phase.mor_blend < 1 ? 1 : 2;
  const bool selects =
      model.depth_selection && DepthRoutingEnabled(curriculum.depth, step, lowest_loss);
  const bool forced = model.experts && step < model.forced_routing_steps;
  phase.variant = kVariants[recursion][selects][forced];
  return phase;
}

}  // namespace hydra::train
