// What routers did over a range of steps, read from a metrics database, also while training writes
// it.
#ifndef HYDRA_RUNTIME_METRICS_ROUTING_REPORT_H_
#define HYDRA_RUNTIME_METRICS_ROUTING_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/metrics/routing.h"

namespace hydra::metrics {

struct RoutingQuery {
  std::string database = {};  // path
  std::string run = {};       // "": the run that began last
  int64_t last = 100;         // steps of the tables; 0: all
  int64_t buckets = 400;      // of the history, at most
};

// How tokens were shared out over the whole run, one row per pass, depth or expert.
struct RoutingTrack {
  std::string router = {};  // "mod": by pass, of all tokens; "mor": by depth; "moe": by expert
  int64_t layer = 0;
  int64_t part = 0;
  std::vector<double> shares = {};  // per bucket; NaN where the router took no part
};

struct RoutingReport {
  std::string run = {};
  int64_t first_step = 0, last_step = 0;  // of the run
  int64_t from_step = 0;                  // the tables are of the steps from here on
  // Counts are sums over those steps, everything else is a mean; flops too are sums.
  RoutingRows rows = {};
  double run_mlp_flops = 0, run_mlp_flops_fixed_depth = 0;  // of the whole run
  std::vector<RoutingTrack> history = {};
};

// 1 - done / at fixed depth; 0 where nothing is recorded.
double SavedShare(double flops, double at_fixed_depth);

// An input error if there is no such run, or if none of its steps routed.
absl::StatusOr<RoutingReport> ReadRouting(const RoutingQuery& query);

}  // namespace hydra::metrics

#endif  // HYDRA_RUNTIME_METRICS_ROUTING_REPORT_H_
