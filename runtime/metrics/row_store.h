// A file that takes rows and may fail at any time: the metrics database, the journal.
#ifndef HYDRA_RUNTIME_METRICS_ROW_STORE_H_
#define HYDRA_RUNTIME_METRICS_ROW_STORE_H_

#include <optional>
#include <string>

#include "absl/types/span.h"
#include "runtime/base/status.h"
#include "runtime/metrics/rows.h"

namespace hydra::metrics {

// Used by one thread. Opens its file when it is first needed, and again when it was lost.
class RowStore {
 public:
  virtual ~RowStore() = default;
  virtual const std::string& path() const = 0;

  // Writes all rows or none. After an error the same rows may be written again. No rows: opens the
  // file and registers the run.
  virtual absl::Status Write(absl::Span<const Row> rows) = 0;

  // Why rows that were written earlier are no longer in the file, if that was found since the last
  // call: somebody deleted or damaged it. A new file is begun then.
  virtual std::optional<std::string> TakeLoss() = 0;

  // The next Write is the last: it may wait longer for another program.
  virtual void BeforeLastWrite() {}

  // Called once, after the last row.
  virtual absl::Status End() = 0;
};

}  // namespace hydra::metrics

#endif  // HYDRA_RUNTIME_METRICS_ROW_STORE_H_
