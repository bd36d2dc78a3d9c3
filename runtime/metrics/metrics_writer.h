// Writes a run's metrics on a thread of its own: training never waits for a disk, a lock or a
// damaged file, and never ends because of one. What cannot be written is tried again, warned of
// once, and reported as a gap at the end.
#ifndef HYDRA_RUNTIME_METRICS_METRICS_WRITER_H_
#define HYDRA_RUNTIME_METRICS_METRICS_WRITER_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "runtime/metrics/row_store.h"
#include "runtime/metrics/step_ranges.h"

namespace hydra::metrics {

struct MetricsWriterOptions {
  size_t queue_rows = 8192;     // rows that wait for the thread
  size_t pending_rows = 65536;  // rows that wait for a store
  // How long rows are gathered into one transaction, and the pause after a failure.
  std::chrono::milliseconds gather{50};
  std::chrono::milliseconds retry{1000};
};

// Record, TakeWarnings and Finish belong to one thread.
class MetricsWriter {
 public:
  // Starts the thread, which opens the stores. If it cannot start, every row is a gap.
  MetricsWriter(std::vector<std::unique_ptr<RowStore>> stores, MetricsWriterOptions options = {});
  // As Finish.
  ~MetricsWriter();

  // Hands a row over. Never waits for a store; a row that finds the queue full is a gap.
  void Record(Row row);

  // What went wrong since the last call, each trouble once in a run.
  std::vector<std::string> TakeWarnings();

  // Writes what is left, a last attempt included, and ends the thread. Says what is missing where,
  // one line per store with a gap. Later calls do nothing.
  std::vector<std::string> Finish();

 private:
  // One store and what it still owes. Used by the thread only, and after its end.
  struct Debt {
    std::unique_ptr<RowStore> store;
    std::vector<Row> pending = {};
    StepRanges written = {}, gap = {};
    std::chrono::steady_clock::time_point retry_at = {};
    bool failing = false;
    std::set<std::string> warned = {};  // causes
    std::string reason = {};            // of the last failure or loss
  };

  void Loop();
  void Serve(Debt& debt, const std::vector<Row>& rows, bool last);
  absl::Status Attempt(Debt& debt, absl::Span<const Row> rows);
  void Warn(Debt& debt, const std::string& cause, const std::string& text);

  const MetricsWriterOptions options_;
  std::vector<Debt> debts_;
  std::thread thread_;
  bool finished_ = false;

  std::mutex mutex_;
  std::condition_variable wake_;
  // Guarded by `mutex_`.
  std::vector<Row> queue_;
  StepRanges overflow_;  // steps that found the queue full
  std::vector<std::string> warnings_;
  bool ending_ = false;
};

}  // namespace hydra::metrics

#endif  // HYDRA_RUNTIME_METRICS_METRICS_WRITER_H_
