// The checkpoints of a run: OUT/checkpoints/step-NNNNNNNN and the link `latest`.
//
// Any number of programs may read them while one, which holds OUT/run.lock, writes. Their order is
// that of their steps; times of files mean nothing.
#ifndef HYDRA_RUNTIME_TRAIN_CHECKPOINT_STORE_H_
#define HYDRA_RUNTIME_TRAIN_CHECKPOINT_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/io/file_lock.h"
#include "runtime/train/checkpoint.h"

namespace hydra::train {

// For readers: opens a checkpoint, or the newest usable one of a run directory, of its checkpoints
// directory, or of its link `latest`; refused() of the result tells what was passed over. kInput
// with the reason if `path` is none of these or nothing there is usable.
absl::StatusOr<Checkpoint> OpenCheckpoint(const std::string& path);

// For the one writer. Not thread-safe; movable.
class CheckpointStore {
 public:
  // Takes the lock of the run directory `out`, makes what is missing, and removes what crashed
  // writers left. A failure names the process that holds the lock; a usage error refuses a file, a
  // checkpoint, and a directory of checkpoints.
  static absl::StatusOr<CheckpointStore> Open(const std::string& out);

  // (step, path) of everything that has a checkpoint's name, oldest first; contents are not looked
  // at.
  absl::StatusOr<std::vector<std::pair<int64_t, std::string>>> List() const;

  // The newest usable checkpoint; nothing if there is none at all, the error of the newest one if
  // all are damaged.
  absl::StatusOr<std::optional<Checkpoint>> OpenNewest() const;
  // That of this step alone. kInput lists the steps there are.
  absl::StatusOr<Checkpoint> OpenStep(int64_t step) const;

  // Moves the checkpoints of later steps to OUT/abandoned: a run that goes on from `step` makes its
  // own, and must not be continued from theirs. One line for each.
  absl::StatusOr<std::vector<std::string>> SetAsideAfter(int64_t step);

  struct Saved {
    std::string path;
    std::vector<std::string> warnings;  // what failed after the checkpoint was safe
  };
  // Writes the checkpoint of record.step, points `latest` at it, then removes all but the newest
  // `keep` (0: keeps all). An error means that the older ones are as they were.
  absl::StatusOr<Saved> Save(TrainEngine& engine, const RunRecord& record,
                             const CheckpointAttachments& attachments, int64_t keep);

  // OUT and OUT/checkpoints.
  const std::string& out() const { return out_; }
  const std::string& directory() const { return directory_; }

 private:
  CheckpointStore(std::string out, FileLock lock);
  absl::Status RemoveLeftovers() const;
  absl::Status PointLatest(const std::string& name) const;
  absl::Status RemoveOld(int64_t step, int64_t keep) const;

  std::string out_;
  std::string directory_;
  FileLock lock_;
};

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_CHECKPOINT_STORE_H_
