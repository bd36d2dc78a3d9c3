// Whether a run learns, by what its metrics database says: what `diag learning` reports.
#ifndef HYDRA_RUNTIME_APP_LEARNING_CHECK_H_
#define HYDRA_RUNTIME_APP_LEARNING_CHECK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/app/finding.h"
#include "runtime/base/status.h"

namespace hydra::app {

struct LearningRequest {
  std::string run;              // directory
  int64_t window = 200;         // steps that are looked at together; at least 3
  int64_t plateau_from = 100;   // no plateau begins before this step
  double plateau_slope = 1e-4;  // nats per step; a window that falls less is flat
};

struct LossTerm {
  std::string name;  // "ce", "aux"
  double mean = 0;   // in the last window
};

// Of one data set that the run evaluates on.
struct HeldOut {
  std::string data;
  int64_t step = 0, best_step = 0;
  double loss = 0, best = 0;
  double gap = 0;  // loss less that of training about that step
};

struct LearningReport {
  std::string run_id = {}, model = {};
  int64_t steps = 0, last_step = 0, tokens = 0;
  // Means of the first and the last `window` steps: those asked for, of a short run a quarter.
  int64_t window = 0;
  double first_loss = 0, last_loss = 0;
  double lowest_loss = 0;  // of the moving average
  std::optional<double> slope =
      std::nullopt;  // of the last window, nats per step; nothing if too short
  std::optional<int64_t> plateau = std::nullopt;  // first step of the first flat window
  int64_t not_finite = 0;                         // steps
  double clipped = 0;                             // share of the steps of the last window
  std::vector<LossTerm> terms = {};
  std::vector<HeldOut> held_out = {};
  std::vector<Finding> findings = {};
  std::vector<std::string> notes = {};  // what explains a number, and is no fault
};

// While it trains too. kInput for a directory without a run, or without a step.
absl::StatusOr<LearningReport> CheckLearning(const LearningRequest& request);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_LEARNING_CHECK_H_
