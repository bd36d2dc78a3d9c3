// The phase in which a command that does not train uses a loaded model, and the line that says so.
#ifndef HYDRA_RUNTIME_APP_PHASE_IN_USE_H_
#define HYDRA_RUNTIME_APP_PHASE_IN_USE_H_

#include <cstdint>
#include <optional>

#include "runtime/app/model.h"
#include "runtime/base/status.h"
#include "runtime/train/phase_for_use.h"

namespace hydra::app {

// train::ChoosePhase for the run that the weights of `model` come from, if any; a note says which,
// as entry `entry` has it. Every field is filled in.
absl::StatusOr<train::PhaseForUse> PhaseInUse(const Model& model, absl::string_view entry,
                                              std::optional<int64_t> at_step);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_PHASE_IN_USE_H_
