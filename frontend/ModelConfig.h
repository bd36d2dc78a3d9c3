// The settings of a model as a .json config states them: object `model`, with the names of the
// PyTorch HYDRA (golden files have the same). Every key is optional; docs/config.md lists them.
#ifndef HYDRA_FRONTEND_MODELCONFIG_H
#define HYDRA_FRONTEND_MODELCONFIG_H

#include "runtime/io/json_file.h"

#include <cstdint>
#include <optional>
#include <string>

namespace mlir::hydra {

// Switches and sizes of hydra.ccgqa; shared by models and attention cases.
struct AttentionConfig {
  int64_t dim = 768;
  int64_t nHeads = 12;
  int64_t nKvHeads = 3;
  int64_t compressionFactor = 4;
  int64_t convKernelSize = 3;
  bool useRope = true;
  bool useQkNorm = true;
  bool useConvs = true;
  bool useQkMean = true;
  bool useValueShift = true;
};

struct ModelConfig {
  std::string kind = "hydra"; // or "base"
  std::string rules = "pytorch";
  int64_t maxSeqLen = 2048;
  int64_t vocabSize = 50257;
  int64_t nMorBlocks = 8; // blocks, of both kinds
  int64_t recursionsPerBlock = 4;
  double mlpRatio = 2.67;
  bool tieWeights = true;
  AttentionConfig attention;
  // mixture of depths
  double modCapacity = 0.5;
  std::optional<double> auxLossWeight; // absent: automatic
  int64_t modMlpWarmup = 100;
  double modLossAwareWeight = 0.0;
  double modPredictorWeight = 0.0;
  // mixture of recursions
  bool adaptive = true;
  int64_t morMinDepth = 0;
  int64_t morWarmup = 1000;
  double morAdvantageLossScale = 0.1;
  int64_t dimRef = 768;
  double depthAlpha = 0.0;
  double depthScaleMax = 2.0;
  bool staticRoutingMode = false;
  // mixture of experts
  bool moeEnabled = false;
  int64_t moeNumExperts = 4;
  int64_t moeNumLayers = 2;
  int64_t moeTopK = 1;
  double moeAuxWeight = 0.01;
  int64_t moeWarmupSteps = 1000;
  std::optional<double> moeCapacityFactor; // absent: unlimited
  double moeRouterJitter = 0.0;
  bool moeIdentityInit = true;
  int64_t moeForcedRoutingSteps = 0;
  int64_t moeTeacherUntilStep = 0;

  // trunc(dim * mlp_ratio) rounded up to a multiple of 256 (model.md 1).
  int64_t hidden() const;
};

// Reads `object`. Unknown keys, keys without effect beside the others, wrong types, sizes that do
// not fit each other, and an empty object are kFailedPrecondition with file, line, column and path.
absl::StatusOr<ModelConfig> readModelConfig(::hydra::JsonView object);

// Whether readModelConfig knows the key.
bool isModelKey(absl::string_view key);

class ConfigReader;
// Declares the keys of AttentionConfig to `reader` and checks that the sizes fit each other.
void readAttention(ConfigReader &reader, AttentionConfig &config);

} // namespace mlir::hydra

#endif // HYDRA_FRONTEND_MODELCONFIG_H
