// What is wrong with the weights of a checkpoint, as far as the weights alone tell: what
// `diag weights` reports.
#ifndef HYDRA_RUNTIME_APP_WEIGHT_CHECK_H_
#define HYDRA_RUNTIME_APP_WEIGHT_CHECK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/app/finding.h"
#include "runtime/app/notices.h"
#include "runtime/base/status.h"
#include "runtime/diagnostics/float_statistics.h"

namespace hydra::app {

struct CheckedTensor {
  std::string name;
  std::vector<int64_t> shape;
  FloatStatistics values;
};

// Tensors of one kind, "experts".
struct WeightPart {
  std::string name;
  int64_t tensors = 0, values = 0;
  double norm = 0;  // the mean of their 2-norms
};

// One layer of experts.
struct ExpertWeights {
  std::string layer;  // "moe_layers.0"
  int64_t experts = 0;
  // The mean over pairs of experts of 1 - cos of their first matrices: 0 for copies of one, about 1
  // for experts that have nothing in common.
  double divergence = 0;
};

struct WeightReport {
  std::string path;             // of the weights
  std::optional<int64_t> step;  // of a checkpoint
  std::vector<CheckedTensor> tensors;
  std::vector<WeightPart> parts;
  std::vector<ExpertWeights> experts;
  std::optional<double> divergence;  // mean over the layers
  // The mean norm of an expert's first matrix over that of an MLP's; nothing without both.
  std::optional<double> expert_ratio;
  std::vector<Finding> findings;
};

// `path`: a checkpoint, a run directory (its newest checkpoint), or weights as WeightsSource opens
// them. kInput for what is none of these. One tensor, or one layer of experts, is in memory at a
// time.
absl::StatusOr<WeightReport> CheckWeights(const std::string& path, const Notices& notices);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_WEIGHT_CHECK_H_
