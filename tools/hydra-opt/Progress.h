// Says on standard error what a long compilation is doing.
#ifndef HYDRA_TOOLS_HYDRA_OPT_PROGRESS_H
#define HYDRA_TOOLS_HYDRA_OPT_PROGRESS_H

#include "mlir/Pass/PassInstrumentation.h"

#include <chrono>
#include <memory>

// Silent for the first seconds; then a line whenever a pass begins, but not more than one in a few
// seconds: "hydra-opt: 12 s, now hydra-plan". Thread-safe.
std::unique_ptr<mlir::PassInstrumentation>
progressInstrumentation(std::chrono::steady_clock::duration interval = std::chrono::seconds(5));

#endif // HYDRA_TOOLS_HYDRA_OPT_PROGRESS_H
