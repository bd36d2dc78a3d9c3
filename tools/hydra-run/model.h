// From what a user names (a model spec, an artifact, a checkpoint) to a loaded program with
// weights.
#ifndef HYDRA_TOOLS_HYDRA_RUN_MODEL_H_
#define HYDRA_TOOLS_HYDRA_RUN_MODEL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/artifact/artifact.h"
#include "runtime/base/status.h"
#include "runtime/exec/session.h"
#include "runtime/hal/device.h"
#include "runtime/train/checkpoint.h"
#include "runtime/train/settings.h"

namespace hydra::tools {

struct ModelRequest {
  std::string model;  // .mlir, .json, .hydra, a checkpoint or a run directory
  std::optional<train::Checkpoint> checkpoint;  // opened already; instead of `model`
  // For specs: what to compile. For checkpoints: what the artifact must have, or else the
  // checkpoint's spec is compiled.
  std::vector<std::string> entries;
  train::Settings settings;  // compile settings are refused on artifacts and checkpoints
  int threads = 0;
  bool validate = false;
  int64_t micro_batches = 1;
};

struct Model {
  std::string artifact_path;
  std::string spec_path;  // "" if unknown
  std::optional<train::Checkpoint> checkpoint;
  std::shared_ptr<const artifact::Artifact> artifact;
  std::optional<::hydra::Session> session;  // always there once loaded

  hal::Device& device() const { return session->device(); }
  Executor& executor() const { return session->executor(); }
};

// Compiles if needed, opens and checks everything, obtains memory. No weights yet.
absl::StatusOr<Model> LoadModel(const ModelRequest& request);

// Weights for inference: from `weights_file` if given, else from the checkpoint, else initial
// values from `seed` with a warning.
absl::Status LoadWeights(Model& model, const std::string& weights_file, uint64_t seed);

// train::OpenCheckpoint, with a warning for each newer checkpoint that was passed over.
absl::StatusOr<train::Checkpoint> OpenCheckpointWithWarnings(const std::string& path);

// What a checkpoint of this model should carry along.
absl::StatusOr<train::CheckpointAttachments> AttachmentsOf(const Model& model);

// Facts for the metrics database that may not enter checkpoints.
std::map<std::string, std::string> EnvironmentOf(const Model& model);

}  // namespace hydra::tools

#endif  // HYDRA_TOOLS_HYDRA_RUN_MODEL_H_
