// What a run records: one row per optimizer step, evaluation and sample, and what is known of the
// run.
#ifndef HYDRA_RUNTIME_METRICS_ROWS_H_
#define HYDRA_RUNTIME_METRICS_ROWS_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/metrics/routing.h"

namespace hydra::metrics {

// What is known when a run starts or continues.
struct RunInfo {
  std::string run_id;
  std::string model_id;           // name of the model
  std::string architecture_json;  // what describes the model, "{}" if unknown
  std::string config_json;        // resolved settings
  double params_millions = 0;
  int64_t start_step = 0;  // steps already done
  // Facts of this machine and this process that must stay out of checkpoints: threads, CPU,
  // versions.
  std::map<std::string, std::string> environment;
};

// One optimizer step. `step` counts the updates done, so the first row has step 1.
struct StepRow {
  int64_t step = 0;
  std::string time = {};                               // UTC, when the step ended
  std::vector<std::pair<std::string, double>> losses;  // "total", "ce", ...; means of micro-batches
  RoutingRows routing = {};                            // of all micro-batches
  // Everything else in the step's record, under the names it has there: "clip_limit" {50}.
  std::vector<std::pair<std::string, std::vector<double>>> record = {};
  double lr = 0;
  double grad_norm = 0;           // after clipping
  double grad_norm_pre_clip = 0;  // as measured
  double tokens_per_second = 0;
  double step_milliseconds = 0;
  int64_t batch_size = 0;
  int64_t seq_len = 0;
  int64_t tokens = 0;  // tokens of this step
};

struct EvaluationRow {
  int64_t step = 0;
  std::string time = {};  // UTC
  std::string data;       // "validation"
  double loss = 0;        // nats per token
  int64_t tokens = 0;
  double seconds = 0;
};

// A text that the model wrote between two steps.
struct SampleRow {
  int64_t step = 0;
  std::string time = {};  // UTC
  std::string prompt;
  std::string text;  // that continues it
};

using Row = std::variant<StepRow, EvaluationRow, SampleRow>;

}  // namespace hydra::metrics

#endif  // HYDRA_RUNTIME_METRICS_ROWS_H_
