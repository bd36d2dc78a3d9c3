// The tables of a metrics database that say what routers did (training.md 21), one row per step and
// layer, and tokens by pass or expert, however many there are.
#ifndef HYDRA_RUNTIME_METRICS_ROUTING_TABLES_H_
#define HYDRA_RUNTIME_METRICS_ROUTING_TABLES_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/base/status.h"
#include "runtime/metrics/routing.h"
#include "runtime/metrics/sqlite.h"

namespace hydra::metrics {

// Statements that write; they must not outlive their database. Not thread-safe.
class RoutingTables {
 public:
  // SQL that makes the tables that are not there.
  static const char* Schema();

  static absl::StatusOr<RoutingTables> Prepare(Database& database);
  // Gives rows of later steps to the run `aside`.
  static absl::Status SetAside(Database& database, const std::string& run, const std::string& aside,
                               int64_t start_step);

  absl::Status Record(absl::string_view run, absl::string_view model, int64_t step,
                      const RoutingRows& rows);

 private:
  RoutingTables(Statement mod, Statement mor, Statement moe, Statement tokens, Statement work)
      : mod_(std::move(mod)),
        mor_(std::move(mor)),
        moe_(std::move(moe)),
        tokens_(std::move(tokens)),
        work_(std::move(work)) {}
  absl::Status RecordTokens(absl::string_view run, int64_t step, absl::string_view router,
                            int64_t layer, absl::Span<const int64_t> tokens);

  Statement mod_, mor_, moe_, tokens_, work_;
};

}  // namespace hydra::metrics

#endif  // HYDRA_RUNTIME_METRICS_ROUTING_TABLES_H_
