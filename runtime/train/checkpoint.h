// One checkpoint: a directory that appears complete or not at all, and is checked before use.
//
//   weights.safetensors        parameters under their state-dict names
//   optimizer.safetensors      m/NAME, v/NAME ..., steps, present
//   control_state.safetensors  result-dependent scalars of the device
//   run.json                   settings, step, versions, host state (run_record.h)
//   model.mlir or model.json   the model spec, if it is known
//   model.hydra                the artifact, if it is known
//   tokenizer.json or .model   the tokenizer, if it is one with a file
//   manifest.json              sizes and hashes of all of these, and there is nothing else
#ifndef HYDRA_RUNTIME_TRAIN_CHECKPOINT_H_
#define HYDRA_RUNTIME_TRAIN_CHECKPOINT_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/data/tokenizer.h"
#include "runtime/train/engine.h"
#include "runtime/train/run_record.h"

namespace hydra::train {

inline constexpr char kWeightsFile[] = "weights.safetensors";
inline constexpr char kOptimizerFile[] = "optimizer.safetensors";
inline constexpr char kControlStateFile[] = "control_state.safetensors";
inline constexpr char kRunFile[] = "run.json";
inline constexpr char kArtifactFile[] = "model.hydra";

// Whether a checkpoint can have a file of this name, the manifest included.
bool IsCheckpointFile(absl::string_view name);

// What a checkpoint carries along so that it can be used alone. Contents, not paths: what is saved
// is what runs, whatever happens to the files meanwhile.
struct CheckpointAttachments {
  std::string artifact;        // the artifact's bytes; "" for none
  std::string spec_contents;   // the model spec
  std::string spec_extension;  // ".mlir" or ".json"; "" for no spec
  std::string tokenizer = {};  // the file of the record's tokenizer; "" if it has none
};

// Writes a checkpoint to `path`, replacing one of that name. `record` need not name the
// attachments. Every file is hashed on its way and synced once.
absl::Status WriteCheckpoint(const std::string& path, TrainEngine& engine, RunRecord record,
                             const CheckpointAttachments& attachments);

// A checked checkpoint. Immutable; thread-safe to read.
class Checkpoint {
 public:
  // Checks the manifest and every file, each read once. kInput with the reason if
  // `path` is no checkpoint or a damaged one.
  static absl::StatusOr<Checkpoint> Open(const std::string& path);

  const RunRecord& run() const { return run_; }
  const std::string& path() const { return path_; }
  std::string weights_path() const;
  std::string artifact_path() const;  // "" if there is none
  std::string spec_path() const;      // "" if there is none
  // The bytes of the tokenizer's file; "" if it has none.
  absl::StatusOr<std::string> TokenizerContents() const;
  // The tokenizer that the weights were trained with; nullptr if it is unknown.
  absl::StatusOr<std::unique_ptr<data::Tokenizer>> OpenTokenizer() const;
  const std::vector<std::string>& files() const { return files_; }
  // Why newer checkpoints of the run were passed over in favour of this one, one line each.
  const std::vector<std::string>& refused() const { return refused_; }
  void set_refused(std::vector<std::string> refused) { refused_ = std::move(refused); }

  // Everything that training needs.
  absl::Status RestoreAll(TrainEngine& engine) const;
  absl::Status RestoreParameters(TrainEngine& engine) const;

 private:
  Checkpoint() = default;
  std::string path_;
  RunRecord run_;
  std::vector<std::string> files_;
  std::vector<std::string> refused_;
};

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_CHECKPOINT_H_
