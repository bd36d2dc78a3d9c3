// What a run's metrics database says of its past, while it trains too.
#ifndef HYDRA_RUNTIME_APP_RUN_HISTORY_H_
#define HYDRA_RUNTIME_APP_RUN_HISTORY_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/status.h"

namespace hydra::app {

// (step, value), ascending; a value that was not finite is NaN.
using StepSeries = std::vector<std::pair<double, double>>;

struct RunHistory {
  std::string directory, run_id, model, start_time, end_time;  // end_time "": it has not ended
  double parameters_millions = 0;
  int64_t tokens = 0, last_step = 0;
  std::map<std::string, std::string> settings;     // of the run
  std::map<std::string, std::string> environment;  // of its last start
  // `loss_average` moves over a fortieth of the run so far, at least 5 steps.
  StepSeries loss, loss_average, rate, norm, norm_clipped, tokens_per_second, step_milliseconds;
  std::map<std::string, StepSeries> terms;        // loss terms but total
  std::map<std::string, StepSeries> evaluations;  // by data
  std::map<std::string, StepSeries> scalars;      // other fields of the record with one element
  // Counts of the routers, "mor.1": a series per pass or expert.
  std::map<std::string, std::vector<StepSeries>> routing;
};

// Reads RUN/training.db: the run of the newest rows, without those that were set aside. An input
// error if there is none, or no step yet.
absl::StatusOr<RunHistory> ReadHistory(const std::string& run);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_RUN_HISTORY_H_
