// The metrics database of a run (training.md section 21), live in SQLite's write-ahead log: another
// process may read while training goes on. Rows are keyed by (run_id, step).
#ifndef HYDRA_RUNTIME_METRICS_METRICS_DATABASE_H_
#define HYDRA_RUNTIME_METRICS_METRICS_DATABASE_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/metrics/sqlite.h"

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
  std::vector<std::pair<std::string, double>> losses;  // "total", "ce", ...; means of micro-batches
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
  std::string data;  // "validation"
  double loss = 0;   // nats per token
  int64_t tokens = 0;
  double seconds = 0;
};

// Not thread-safe.
class MetricsDatabase {
 public:
  // Creates or opens `path` and brings the schema up to date.
  static absl::StatusOr<MetricsDatabase> Open(const std::string& path);

  // Registers a run, or continues it: rows of steps after info.start_step are removed first, since
  // they belong to an attempt that was interrupted after its last checkpoint.
  absl::Status BeginRun(const RunInfo& info);
  absl::Status RecordStep(const StepRow& row);
  absl::Status RecordEvaluation(const EvaluationRow& row);
  // Writes the end time, the totals and the best loss.
  absl::Status EndRun();

 private:
  struct Averages {
    double short_term = 0, medium_term = 0, long_term = 0;
  };
  explicit MetricsDatabase(Database database) : database_(std::move(database)) {}
  absl::Status LoadAverages();

  Database database_;
  std::string run_id_;
  std::string model_id_;
  Averages averages_;
};

}  // namespace hydra::metrics

#endif  // HYDRA_RUNTIME_METRICS_METRICS_DATABASE_H_
