// Append-only JSON lines beside the metrics database: one object per event, for tools that tail
// files. Nothing that stands in the file is ever changed: a run that goes on from an earlier step
// writes a `start` line with that step, and what it does again follows.
#ifndef HYDRA_RUNTIME_METRICS_JOURNAL_H_
#define HYDRA_RUNTIME_METRICS_JOURNAL_H_

#include <optional>
#include <string>

#include "runtime/metrics/append_file.h"
#include "runtime/metrics/row_store.h"

namespace hydra::metrics {

class Journal final : public RowStore {
 public:
  Journal(std::string path, RunInfo info);
  const std::string& path() const override { return path_; }
  absl::Status Write(absl::Span<const Row> rows) override;
  std::optional<std::string> TakeLoss() override;
  absl::Status End() override;

 private:
  absl::Status Open();

  const std::string path_;
  const RunInfo info_;
  AppendFile file_;
  std::optional<std::string> loss_;
};

}  // namespace hydra::metrics

#endif  // HYDRA_RUNTIME_METRICS_JOURNAL_H_
