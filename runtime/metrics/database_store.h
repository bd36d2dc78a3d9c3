// The metrics database as a store that outlives its file: a lost one is begun anew, a damaged one
// is set aside under another name.
#ifndef HYDRA_RUNTIME_METRICS_DATABASE_STORE_H_
#define HYDRA_RUNTIME_METRICS_DATABASE_STORE_H_

#include <optional>
#include <string>

#include "runtime/metrics/file_watch.h"
#include "runtime/metrics/metrics_database.h"
#include "runtime/metrics/row_store.h"

namespace hydra::metrics {

class DatabaseStore final : public RowStore {
 public:
  // `busy_milliseconds`: how long one attempt waits for another program that holds the database.
  DatabaseStore(std::string path, RunInfo info, int busy_milliseconds);

  const std::string& path() const override { return path_; }
  absl::Status Write(absl::Span<const Row> rows) override;
  std::optional<std::string> TakeLoss() override;
  void BeforeLastWrite() override;
  absl::Status End() override;

 private:
  absl::Status WriteOnce(absl::Span<const Row> rows);
  absl::Status Open();
  absl::Status OpenFile();
  absl::Status Record(absl::Span<const Row> rows);
  // Closes a damaged database and renames it, so that nothing of it is lost.
  absl::Status SetAside();
  void Forget();

  const std::string path_;
  const RunInfo info_;
  int busy_milliseconds_;
  FileWatch watch_;  // before the database: it must be closed after it
  std::optional<MetricsDatabase> database_;
  RunTotals totals_;  // as of the last rows written, whatever became of their file
  bool begun_ = false;
  bool last_write_failed_ = false;
  std::optional<std::string> loss_;
};

}  // namespace hydra::metrics

#endif  // HYDRA_RUNTIME_METRICS_DATABASE_STORE_H_
