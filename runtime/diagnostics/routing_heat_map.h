// A run's routing as a picture: one row per pass, depth or expert, steps from left to right, the
// share of tokens as colour.
#ifndef HYDRA_RUNTIME_DIAGNOSTICS_ROUTING_HEAT_MAP_H_
#define HYDRA_RUNTIME_DIAGNOSTICS_ROUTING_HEAT_MAP_H_

#include "runtime/io/png.h"
#include "runtime/metrics/routing_report.h"

namespace hydra {

// Of a share in [0, 1], or of none (NaN).
Rgb ColourOf(double share);

Picture RoutingHeatMap(const metrics::RoutingReport& report);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_DIAGNOSTICS_ROUTING_HEAT_MAP_H_
