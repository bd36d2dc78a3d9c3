// What the fields `route.*` of a step record say (docs/contracts.md, "Phases").
#ifndef HYDRA_RUNTIME_TRAIN_ROUTING_RECORD_H_
#define HYDRA_RUNTIME_TRAIN_ROUTING_RECORD_H_

#include "runtime/metrics/routing.h"
#include "runtime/train/observer.h"

namespace hydra::train {

// Rows of the routers that took part in the step, by layer. Fields of other variants are zeros and
// give none.
metrics::RoutingRows RoutingOf(const StepReport& report);

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_ROUTING_RECORD_H_
