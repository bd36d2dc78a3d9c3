// How commands print what ran from graphs of the device.
#ifndef HYDRA_TOOLS_HYDRA_RUN_GRAPH_REPORT_H_
#define HYDRA_TOOLS_HYDRA_RUN_GRAPH_REPORT_H_

#include "runtime/exec/graph_use.h"
#include "tools/hydra-run/console.h"

namespace hydra::tools {

// Launches, nodes and fallbacks of a submission, and each part with its reason; null on devices
// without graphs.
Json GraphJson(const GraphUse& use);
// A warning for each list that fell back without having been asked to.
void WarnOfFallbacks(const std::string& list, const GraphUse& use);

}  // namespace hydra::tools

#endif  // HYDRA_TOOLS_HYDRA_RUN_GRAPH_REPORT_H_
