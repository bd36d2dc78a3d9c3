// What the settings of a run come to on a given model (model.md 13): every "auto" resolved, the
// values of the control block for each step, and the lines that tell the user.
#ifndef HYDRA_RUNTIME_TRAIN_RECIPE_H_
#define HYDRA_RUNTIME_TRAIN_RECIPE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/train/engine.h"
#include "runtime/train/schedule.h"
#include "runtime/train/settings.h"

namespace hydra::train {

// Immutable; thread-safe.
class Recipe {
 public:
  // A usage error for settings that contradict each other or the model.
  static absl::StatusOr<Recipe> Create(const Settings& settings, const EngineFacts& facts);

  const Schedule& schedule() const { return schedule_; }
  // Initial value of the moving norm (control state `grad_norm_ema`): grad_clip / 2.
  double initial_grad_norm() const { return grad_clip_ / 2; }

  // Of the noise of expert routers.
  uint64_t noise_seed() const { return noise_seed_; }
  // Values of the control block that no step changes: all but lr and loss_scale. A program may not
  // have all of them.
  const std::vector<std::pair<const char*, double>>& controls() const { return controls_; }

  // What is in effect, for the run's first lines.
  const std::vector<std::string>& lines() const { return lines_; }
  // Settings whose effect is not what their name promises, with what to do.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  explicit Recipe(Schedule schedule) : schedule_(schedule) {}
  void SetClipping(const Settings& settings, bool corrected);
  void Describe(const Settings& settings, absl::string_view size);

  Schedule schedule_;
  double grad_clip_ = 0;
  double clip_min_ = 0, clip_max_ = 0, clip_factor_ = 0, clip_ema_decay_ = 0;
  double spike_norm_ = 0, spike_lr_factor_ = 1;
  uint64_t noise_seed_ = 0;
  std::vector<std::pair<const char*, double>> controls_;
  std::vector<std::string> lines_, warnings_;
};

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_RECIPE_H_
