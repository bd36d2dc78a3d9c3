// From what a user names (a model spec, an artifact, a checkpoint) to a loaded program with
// weights.
#ifndef HYDRA_RUNTIME_APP_MODEL_H_
#define HYDRA_RUNTIME_APP_MODEL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/app/bundle.h"
#include "runtime/app/notices.h"
#include "runtime/artifact/artifact.h"
#include "runtime/base/status.h"
#include "runtime/exec/session.h"
#include "runtime/hal/device.h"
#include "runtime/train/checkpoint.h"
#include "runtime/train/settings.h"

namespace hydra::app {

// An entry that a command needs.
struct EntryRequest {
  std::string name;  // train, eval, extend
  int64_t batch = 0;
  int64_t seq = 0;
  // What the user named: nothing else will do. A sequence that nobody named is shortened for a
  // model with a smaller max_seq_len.
  bool batch_chosen = false;
  bool seq_chosen = false;

  // 0: the default, 8 sequences of 256 tokens.
  static EntryRequest Of(const std::string& name, int64_t batch, int64_t seq);
  // As hydra-opt's --entry takes it.
  std::string Text() const;
};

// A prompt in chunks of 64, then token by token, of `rows` sequences at once; 0: what there is, or
// one.
// Where tokens are chosen by running the whole text (mod_rule = recompute), also of the text.
std::vector<EntryRequest> DecodingEntries(const train::Settings& settings, int64_t rows = 0);
// Training, evaluation and decoding, so that a checkpoint needs nothing else.
std::vector<EntryRequest> DefaultEntries(const train::Settings& settings, int64_t batch = 0,
                                         int64_t seq = 0);

struct ModelRequest {
  std::string command;  // for messages
  std::string model;    // .mlir, .json, .hydra (a bundle too), a checkpoint or a run directory
  std::optional<train::Checkpoint> checkpoint;  // opened already; instead of `model`
  // For specs: what to compile. For checkpoints: what the artifact must have, or else the
  // checkpoint's spec is compiled.
  std::vector<EntryRequest> entries;
  train::Settings settings;  // compile settings are refused on artifacts and checkpoints
  int threads = 0;
  bool validate = false;
  bool perf_map = false;  // a usage error on other targets than cpu
  int64_t micro_batches = 1;
  bool plan_only = false;  // on target cuda without a GPU, a model without a session will do
  hal::Capture capture = hal::Capture::kDefault;  // a usage error on devices without graphs
  std::string sim_driver = {};                    // a usage error on other targets than sim
  Notices notices;
};

struct Model {
  std::string artifact_path;
  std::string spec_path;  // "" if unknown
  std::optional<train::Checkpoint> checkpoint;
  std::shared_ptr<const artifact::Artifact> artifact;
  std::optional<Bundle> bundle;             // if the artifact is one
  std::optional<::hydra::Session> session;  // there once loaded, but for ModelRequest::plan_only
  Notices notices;                          // those of the request

  hal::Device& device() const { return session->device(); }
  Executor& executor() const { return session->executor(); }
  // The run that the weights come from, the checkpoint's or the bundle's; nullptr if there is none.
  const train::RunRecord* run() const;
  // What they come from, for messages: the path of the checkpoint, else of the artifact.
  const std::string& origin() const;
  // The tokenizer of that run, nullptr if it is unknown, and the bytes of its file, if any.
  absl::StatusOr<std::unique_ptr<data::Tokenizer>> OpenTokenizer() const;
  absl::StatusOr<std::string> TokenizerContents() const;
};

// Compiles if needed, opens and checks everything, obtains memory. No weights yet.
absl::StatusOr<Model> LoadModel(const ModelRequest& request);

// Weights for inference: from `weights_file` if given, else from the checkpoint or the bundle, else
// initial values from `seed` with a warning.
absl::Status LoadWeights(Model& model, const std::string& weights_file, uint64_t seed);

// train::OpenCheckpoint, with a warning for each newer checkpoint that was passed over.
absl::StatusOr<train::Checkpoint> OpenCheckpointWithWarnings(const std::string& path,
                                                             const Notices& notices);

// What a checkpoint of this model should carry along. kInput for a bundle, which is for serving.
absl::StatusOr<train::CheckpointAttachments> AttachmentsOf(const Model& model);

// Facts for the metrics database that may not enter checkpoints.
std::map<std::string, std::string> EnvironmentOf(const Model& model);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_MODEL_H_
