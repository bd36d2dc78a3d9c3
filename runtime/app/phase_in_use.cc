#include "runtime/app/phase_in_use.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/app/artifact_facts.h"
#include "runtime/exec/variant_choice.h"
#include "runtime/train/executor_engine.h"

namespace hydra::app {

namespace {

// Selection by thresholds needs those of the checkpoint.
absl::Status AddThresholds(const Model& model, absl::string_view entry, train::PhaseForUse& use) {
  if (SelectionRuleOf(*model.artifact, entry) != "threshold" ||
      !absl::StrContains(use.variant, "_mod")) {
    return absl::OkStatus();
  }
  const std::string& path = model.origin();
  const train::RunRecord* run = model.run();
  if (run == nullptr || run->thresholds.values.empty()) {
    return InputError(absl::StrCat(
        path, ": has no thresholds of depth routing; make them with 'hydra-run calibrate ",
        model.checkpoint ? path : "CHECKPOINT", " --data DIR'",
        model.bundle ? " before bundling" : "", ", or choose another --mod-rule"));
  }
  const train::SelectionThresholds& known = run->thresholds;
  if (known.variant != use.variant) {
    return InputError(absl::StrCat(path, ": expected thresholds of variant ", use.variant,
                                   ", found those of ", known.variant,
                                   "; calibrate with the same --at-step"));
  }
  use.controls.insert(use.controls.end(), known.values.begin(), known.values.end());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<train::PhaseForUse> PhaseInUse(const Model& model, absl::string_view entry,
                                              std::optional<int64_t> at_step) {
  const train::EngineFacts facts = train::FactsOf(model.executor());
  HYDRA_ASSIGN_OR_RETURN(train::PhaseForUse use, train::ChoosePhase(facts, model.run(), at_step));
  if (use.variant.empty()) {
    use.variant = std::string(VariantForUse(model.artifact->info(), entry));
  }
  HYDRA_RETURN_IF_ERROR(AddThresholds(model, entry, use));
  if (!facts.phases.routes()) return use;
  model.notices.Note(use.step > 0 ? absl::StrCat("routing as in step ", use.step, ": ", use.variant)
                                  : absl::StrCat("routing: everything is on: ", use.variant));
  return use;
}

}  // namespace hydra::app
