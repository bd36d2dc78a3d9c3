// Append-only JSON lines beside the metrics database: one object per event, for tools that tail
// files.
#ifndef HYDRA_RUNTIME_METRICS_JOURNAL_H_
#define HYDRA_RUNTIME_METRICS_JOURNAL_H_

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "runtime/base/status.h"
#include "runtime/metrics/metrics_database.h"

namespace hydra::metrics {

// Every line is flushed as it is written. Not thread-safe.
class Journal {
 public:
  // Opens `path` for appending, after dropping lines of steps after `start_step` and a torn last
  // line.
  static absl::StatusOr<Journal> Open(const std::string& path, int64_t start_step);

  absl::Status RecordStep(const StepRow& row);
  absl::Status RecordEvaluation(const EvaluationRow& row);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  Journal(std::FILE* file, std::string path) : file_(file), path_(std::move(path)) {}
  absl::Status Write(const std::string& line);

  std::unique_ptr<std::FILE, Close> file_;
  std::string path_;
};

}  // namespace hydra::metrics

#endif  // HYDRA_RUNTIME_METRICS_JOURNAL_H_
