// The checkpoints of a run: OUT/checkpoints/step-NNNNNNNN and the link `latest`.
#ifndef HYDRA_RUNTIME_TRAIN_CHECKPOINT_STORE_H_
#define HYDRA_RUNTIME_TRAIN_CHECKPOINT_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/train/checkpoint.h"

namespace hydra::train {

// Not thread-safe; one process at a time may write.
class CheckpointStore {
 public:
  // Makes the directory; removes what crashed writers left beside the checkpoints.
  static absl::StatusOr<CheckpointStore> Open(const std::string& directory);

  // (step, path) of everything that has a checkpoint's name, oldest first; contents are not looked
  // at.
  absl::StatusOr<std::vector<std::pair<int64_t, std::string>>> List() const;

  // Writes the checkpoint of record.step, points `latest` at it, then removes all but the newest
  // `keep` (0: keeps all). Returns its path.
  absl::StatusOr<std::string> Save(TrainEngine& engine, const RunRecord& record,
                                   const CheckpointAttachments& attachments, int64_t keep);

  struct Newest {
    Checkpoint checkpoint;
    std::vector<std::string> refused;  // reasons for newer ones that cannot be used
  };
  // The newest usable checkpoint. nullopt if there is none at all; the error of the newest one if
  // all are damaged.
  absl::StatusOr<std::optional<Newest>> OpenNewest() const;

  const std::string& directory() const { return directory_; }

 private:
  explicit CheckpointStore(std::string directory) : directory_(std::move(directory)) {}
  absl::Status PointLatest(const std::string& name);

  std::string directory_;
};

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_CHECKPOINT_STORE_H_
