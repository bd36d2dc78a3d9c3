// A bundle: an artifact with the weights of a checkpoint, the run that they come from and its
// tokenizer as further sections (artifact.fbs). One file for serving.
#ifndef HYDRA_RUNTIME_APP_BUNDLE_H_
#define HYDRA_RUNTIME_APP_BUNDLE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "runtime/app/notices.h"
#include "runtime/artifact/artifact.h"
#include "runtime/base/status.h"
#include "runtime/data/tokenizer.h"
#include "runtime/train/engine.h"
#include "runtime/train/run_record.h"

namespace hydra::app {

// What an open bundle says beside its program. Immutable; thread-safe.
class Bundle {
 public:
  // Of an artifact whose is_bundle() holds and which outlives the result. kInput for a run that
  // cannot be read or whose tokenizer is missing.
  static absl::StatusOr<Bundle> Of(const artifact::Artifact& artifact);

  const train::RunRecord& run() const { return run_; }
  // The bytes of the tokenizer's file; "" if it has none.
  const std::string& tokenizer_contents() const { return tokenizer_contents_; }
  // nullptr if it is unknown.
  absl::StatusOr<std::unique_ptr<data::Tokenizer>> OpenTokenizer() const;
  absl::Status RestoreParameters(train::TrainEngine& engine) const;

 private:
  explicit Bundle(const artifact::Artifact& artifact) : artifact_(&artifact) {}

  const artifact::Artifact* artifact_;
  train::RunRecord run_;
  std::string tokenizer_contents_;
};

struct BundleRequest {
  std::string checkpoint;  // or a run directory: its newest checkpoint
  std::string artifact;    // that serves the weights; "": the checkpoint's
  std::string output;
  bool force = false;  // replace an artifact
  Notices notices = {};
};
struct WrittenBundle {
  std::string checkpoint;  // that was taken
  int64_t step = 0;
  uint64_t bytes = 0;
};
// Nothing is left at `output` unless all of it could be written. kInput for a checkpoint without an
// artifact, and for an artifact of another model, with the parameter that does not fit.
absl::StatusOr<WrittenBundle> WriteBundle(const BundleRequest& request);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_BUNDLE_H_
