// What a golden file says about the run that made it: phase of the curriculum, loss multipliers,
// state of the loss baseline; as the variant, control values and scalars of the program. Private to
// this folder.
#ifndef HYDRA_RUNTIME_DIAGNOSTICS_GOLDEN_RUN_H_
#define HYDRA_RUNTIME_DIAGNOSTICS_GOLDEN_RUN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/diagnostics/golden.h"
#include "runtime/train/phase.h"

namespace hydra {

// A scalar of the program by its binding (docs/contracts.md, "Phases").
struct GoldenScalar {
  std::string name;
  double value = 0;
};

class GoldenRun {
 public:
  // Of a whole model. An input error names what the configuration lacks.
  static absl::StatusOr<GoldenRun> Read(const Golden& golden);

  // run.step, or the first step of a trajectory.
  int64_t first_step() const { return step_; }
  train::Phase PhaseOf(int64_t step) const {
    return train::PhaseAt(model_, curriculum_, step, ponder_step_);
  }
  // Flags of hydra-opt: the routing mode, and the variant of every phase among `steps` steps.
  std::vector<std::string> CompileFlags(int64_t steps = 1) const;

  std::vector<GoldenScalar> Controls(int64_t step) const;
  // State of the loss baseline before the pass.
  const std::vector<GoldenScalar>& control_state() const { return control_state_; }
  // i32 scalars of a micro-batch of `step`.
  std::vector<GoldenScalar> Inputs(int64_t step) const;

 private:
  absl::Status ReadModel(JsonView config);
  absl::Status ReadCurriculum(JsonView run);
  absl::Status ReadBaseline(JsonView run);

  bool routed_ = false, static_mode_ = false;
  train::PhaseModel model_;
  train::PhaseCurriculum curriculum_;
  int64_t step_ = 0, ponder_step_ = 0;
  int64_t forced_expert_ = -1, teacher_expert_ = -1;
  double balance_weight_ = 0, ponder_ = 0, teacher_ = 0, advantage_ = 0;
  std::vector<GoldenScalar> control_state_;
};

}  // namespace hydra

#endif  // HYDRA_RUNTIME_DIAGNOSTICS_GOLDEN_RUN_H_
