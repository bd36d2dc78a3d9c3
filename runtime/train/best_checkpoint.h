// The checkpoint with the lowest held-out loss of a run, OUT/best, which no later save removes; and
// OUT/best.json, which says of what step and loss it is.
#ifndef HYDRA_RUNTIME_TRAIN_BEST_CHECKPOINT_H_
#define HYDRA_RUNTIME_TRAIN_BEST_CHECKPOINT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/base/status.h"
#include "runtime/train/checkpoint.h"

namespace hydra::train {

// For the one writer of a run. Not thread-safe.
class BestCheckpoint {
 public:
  // What is known of OUT/best when the run stands at `step`: one of a later step belongs to a way
  // that was left, and counts for nothing.
  BestCheckpoint(const std::string& out, int64_t step);

  bool Improves(double loss) const { return !loss_ || loss < *loss_; }
  // Replaces what is there by the state at record.step. An error leaves the old one.
  absl::Status Save(TrainEngine& engine, const RunRecord& record,
                    const CheckpointAttachments& attachments, double loss);

  const std::string& path() const { return path_; }

 private:
  std::string path_, note_path_;
  std::optional<double> loss_;
};

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_BEST_CHECKPOINT_H_
