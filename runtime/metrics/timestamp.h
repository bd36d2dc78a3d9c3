// Wall-clock time for metrics. Never written into checkpoints, which must not depend on it.
#ifndef HYDRA_RUNTIME_METRICS_TIMESTAMP_H_
#define HYDRA_RUNTIME_METRICS_TIMESTAMP_H_

#include <string>

namespace hydra::metrics {

// Now in UTC, ISO 8601 with milliseconds: 2025-01-31T12:34:56.789Z.
std::string UtcTimestamp();

}  // namespace hydra::metrics

#endif  // HYDRA_RUNTIME_METRICS_TIMESTAMP_H_
