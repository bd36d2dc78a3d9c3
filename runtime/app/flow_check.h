// What flows through one training step: outputs of the blocks, gradients, updates. What `diag flow`
// reports.
#ifndef HYDRA_RUNTIME_APP_FLOW_CHECK_H_
#define HYDRA_RUNTIME_APP_FLOW_CHECK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/app/finding.h"
#include "runtime/app/model.h"
#include "runtime/base/status.h"
#include "runtime/diagnostics/float_statistics.h"

namespace hydra::app {

struct FlowRequest {
  ModelRequest model = {};   // a checkpoint, a run directory, an artifact or a spec
  std::string data = {};     // "": those of the run; without a run random tokens
  std::string weights = {};  // safetensors file to use instead of the checkpoint's
  std::optional<int64_t> at_step = std::nullopt;  // whose routing; see PhaseInUse
};

// What a block, or a layer of experts, gives.
struct FlowOutput {
  std::string name;  // "block.3"
  FloatStatistics values;
  std::optional<double> change =
      std::nullopt;  // relative, from the output before it; nothing for the first
};

// The parameters of one part of the model.
struct FlowPart {
  std::string name;                              // "layers.3", "tok_emb"
  int64_t parameters = 0, without_gradient = 0;  // tensors; the latter take no part in this step
  double largest_norm = 0;                       // of one tensor's gradient
  double mean_magnitude = 0;                     // of the elements of gradients that are not zero
  int64_t not_finite = 0;                        // elements
  double update = 0;  // mean |change| of what has a gradient, by one step at rate 1e-3
};

struct FlowReport {
  std::string model = {}, variant = {}, data = {};  // data "": random tokens
  int64_t batch = 0, seq = 0;
  bool trained = false;                       // the weights are not initial values
  std::optional<double> loss = std::nullopt;  // cross-entropy in nats per token
  double guess = 0;                           // ln(vocabulary): that of a model that knows nothing
  std::vector<FlowOutput> outputs = {};
  std::vector<FlowPart> parts = {};
  std::vector<Finding> findings = {};
};

// Compiles the model with its blocks as outputs and takes one step of the optimizer on a copy of
// the weights in memory: nothing is written. A usage error where it cannot be compiled again.
absl::StatusOr<FlowReport> CheckFlow(FlowRequest request);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_FLOW_CHECK_H_
