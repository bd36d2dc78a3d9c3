#include "runtime/app/phase_in_use.h"

#include "absl/strings/str_cat.h"
#include "runtime/exec/variant_choice.h"
#include "runtime/train/executor_engine.h"

namespace hydra::app {

absl::StatusOr<train::PhaseForUse> PhaseInUse(const Model& model, absl::string_view entry,
                                              std::optional<int64_t> at_step) {
  const train::EngineFacts facts = train::FactsOf(model.executor());
  HYDRA_ASSIGN_OR_RETURN(
      train::PhaseForUse use,
      train::ChoosePhase(facts, model.checkpoint ? &model.checkpoint->run() : nullptr, at_step));
  if (use.variant.empty()) {
    use.variant = std::string(VariantForUse(model.artifact->info(), entry));
  }
  if (!facts.phases.routes()) return use;
  model.notices.Note(use.step > 0 ? absl::StrCat("routing as in step ", use.step, ": ", use.variant)
                                  : absl::StrCat("routing: everything is on: ", use.variant));
  return use;
}

}  // namespace hydra::app
