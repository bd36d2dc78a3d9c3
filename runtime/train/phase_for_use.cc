#include "runtime/train/phase_for_use.h"

#include "absl/strings/str_cat.h"
#include "runtime/train/routing_curriculum.h"

namespace hydra::train {

absl::StatusOr<PhaseForUse> ChoosePhase(const EngineFacts& facts, const RunRecord* run,
                                        std::optional<int64_t> at_step) {
  PhaseForUse use;
  if (!facts.phases.routes()) {
    if (!at_step) return use;
    return UsageError(absl::StrCat("--at-step has no effect: the program of ", facts.model,
                                   " does the same in every step; drop it"));
  }
  use.step = at_step.value_or(run == nullptr ? 0 : run->step);
  if (use.step == 0) return use;
  Settings settings;
  if (run != nullptr) HYDRA_RETURN_IF_ERROR(settings.Restore(run->settings).status());
  HYDRA_ASSIGN_OR_RETURN(RoutingCurriculum curriculum, RoutingCurriculum::Create(settings, facts));
  if (run != nullptr) {
    const auto state = run->host_state.find(std::string(curriculum.key()));
    HostModule* const modules[] = {&curriculum};
    if (state != run->host_state.end()) {
      HYDRA_RETURN_IF_ERROR(
          RestoreModules({{state->first, state->second}}, modules, "the checkpoint"));
    }
  }
  const Phase phase = curriculum.PhaseOf(use.step - 1);
  use.variant = settings.Text("variant");
  if (use.variant.empty()) use.variant = std::string(phase.variant);
  for (const auto& [name, value] : phase.Controls()) use.controls.emplace_back(name, value);
  return use;
}

}  // namespace hydra::train
