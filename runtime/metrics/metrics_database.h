// The metrics database of a run (training.md section 21), live in SQLite's write-ahead log: another
// process may read while training goes on. Rows are keyed by (run_id, step).
//
// Nothing is ever deleted: when a run goes on from an earlier step, or begins again, the rows of
// later steps become those of a run of their own, "RUN~1", "RUN~2", ...
#ifndef HYDRA_RUNTIME_METRICS_METRICS_DATABASE_H_
#define HYDRA_RUNTIME_METRICS_METRICS_DATABASE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/types/span.h"
#include "runtime/base/status.h"
#include "runtime/metrics/routing_tables.h"
#include "runtime/metrics/rows.h"
#include "runtime/metrics/sqlite.h"

namespace hydra::metrics {

// What depends on all rows of a run so far. Kept beside the rows, so that a run whose file was lost
// goes on in a new one.
struct RunTotals {
  double ema_short = 0, ema_medium = 0, ema_long = 0;  // moving averages of the loss; 0: unset
  int64_t end_step = 0;                                // the last step; 0: none
  int64_t tokens = 0;
  std::optional<double> best_loss;
  int64_t best_loss_step = 0;
};

// Not thread-safe.
class MetricsDatabase {
 public:
  // Creates or opens `path` and brings the schema up to date.
  static absl::StatusOr<MetricsDatabase> Open(const std::string& path, int busy_milliseconds);

  // Registers a run, or continues it after info.start_step.
  absl::Status BeginRun(const RunInfo& info);
  // Writes all rows, and the totals of the run with them, in one transaction; or none.
  absl::Status Record(absl::Span<const Row> rows);
  // Writes the end time, and looks the whole file through.
  absl::Status EndRun();

  // The number of step rows of the run.
  absl::StatusOr<int64_t> StepCount();

  const RunTotals& totals() const { return totals_; }
  void set_totals(const RunTotals& totals) { totals_ = totals; }
  Database& database() { return database_; }

 private:
  // Prepared once; they belong to `database_`.
  struct Statements {
    Statement step, term, field, evaluation, sample, totals;
  };
  explicit MetricsDatabase(Database database) : database_(std::move(database)) {}
  absl::Status SetLaterRowsAside(int64_t start_step);
  absl::Status LoadTotals();
  absl::Status PrepareStatements();
  absl::Status RecordStep(const StepRow& row, RunTotals& totals);
  absl::Status RecordFields(const StepRow& row);
  absl::Status RecordEvaluation(const EvaluationRow& row);
  absl::Status RecordSample(const SampleRow& row);
  absl::Status WriteTotals(const RunTotals& totals);

  Database database_;
  std::optional<Statements> statements_;
  std::optional<RoutingTables> routing_;
  std::string run_id_;
  std::string model_id_;
  RunTotals totals_;
};

}  // namespace hydra::metrics

#endif  // HYDRA_RUNTIME_METRICS_METRICS_DATABASE_H_
