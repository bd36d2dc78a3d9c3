// Where a step stands in the curriculum (model.md 11): the variant of the program and the control
// values that follow from it. Pure functions of the step; names: docs/contracts.md, "Phases".
#ifndef HYDRA_RUNTIME_TRAIN_PHASE_H_
#define HYDRA_RUNTIME_TRAIN_PHASE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/string_view.h"
#include "runtime/train/curriculum.h"

namespace hydra::train {

// What a model in its routing mode can change with the step, and over how many steps it does.
struct PhaseModel {
  bool adaptive = false;  // recursion whose depth a router chooses
  bool depth_selection =
      false;                  // depth routing that can select: dynamic mode, a block has a router
  int64_t mod_warmup = 0;     // steps before depth routing selects
  int64_t mor_warmup = 1000;  // steps over which the ponder loss warms up

  bool experts = false;              // at least one expert layer
  bool experts_start_silent = true;  // their share of the residual ramps up (identity_init)
  int64_t expert_warmup = 1000;      // over so many steps
  int64_t forced_routing_steps = 0;  // before that step, experts are forced
  int64_t teacher_until_step = 0;    // from that step on, no teacher; 0: for ever

  bool routes() const { return adaptive || depth_selection || experts; }
  friend bool operator==(const PhaseModel&, const PhaseModel&) = default;
};

// When its parts switch on.
struct PhaseCurriculum {
  std::optional<RecursionCurriculum> recursion = std::nullopt;  // nullopt: never configured
  DepthCurriculum depth = {};
};

struct Phase {
  absl::string_view variant = "fixed";  // of `accumulate` and `eval`; static storage
  double mor_blend = 0;                 // a, as the variant has it
  double ponder_warmup = 0;             // omega
  double advantage_ramp = 0;            // ramp_adv
  double expert_ramp = 1;               // of residual_alpha
  bool teacher = false;                 // whether a teacher expert counts

  // By name of the control block. A program may not have all of them. `advantage_multiplier`: mult
  // of model.md 10.
  using Control = std::pair<const char*, double>;
  std::array<Control, 4> Controls(double advantage_multiplier = 1) const;

  friend bool operator==(const Phase&, const Phase&) = default;
};

// The phase of `step` (from 0). `ponder_step` is the step that the recursion routers know (Q1: 0
// under rules = "pytorch"); `lowest_loss` as for DepthRoutingEnabled. Allocates nothing.
Phase PhaseAt(const PhaseModel& model, const PhaseCurriculum& curriculum, int64_t step,
              int64_t ponder_step, std::optional<double> lowest_loss = std::nullopt);

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_PHASE_H_
