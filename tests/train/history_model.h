// A "model" that remembers: its weights are the batches of the last steps, newest first. It is made
// of copies and fills alone, so that every allocation of a step is ours, and it has two variants
// of `accumulate`: "tokens" keeps a batch's inputs, "targets" its targets. A step that ran the
// wrong variant, or on the wrong batch, stays visible for 32 steps.
#ifndef HYDRA_TESTS_TRAIN_HISTORY_MODEL_H_
#define HYDRA_TESTS_TRAIN_HISTORY_MODEL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/exec/session.h"
#include "runtime/train/step_policy.h"
#include "runtime/train/trainer.h"
#include "tests/data/temporary_directory.h"
#include "tests/hal/late_device.h"

namespace hydra::train {

inline constexpr int64_t kHistoryBatch = 2, kHistorySeq = 8, kHistoryRows = 32;

// The bytes of the artifact: accumulate@2x8:tokens, accumulate@2x8:targets, apply@0x0. Its record:
// loss.total, loss.extra (of "targets" alone), ids i32[2] (the first two of the batch), grad_norm,
// lr.
std::vector<uint8_t> HistoryModel();

// The model on a device of the CPU, plain, validated or late.
enum class DeviceKind { kPlain, kValidated, kLate };
absl::StatusOr<Session> OpenHistoryModel(const std::vector<uint8_t>& file, DeviceKind kind,
                                         int micro_batches, hal::Permits* permits = nullptr);

// A prepared data folder of text in `directory`.
absl::StatusOr<data::Dataset> HistoryData(const TemporaryDirectory& directory);

// Steps 0, 1, 3, 4, 6, ... run "tokens", steps 2, 5, 8, ... "targets".
class EveryThird final : public StepPolicy {
 public:
  static bool UsesTargets(int64_t step) { return step % 3 == 2; }
  absl::Status Prepare(int64_t step, const StepRecord* visible, TrainEngine& engine) override {
    return engine.UseVariant(UsesTargets(step) ? "targets" : "tokens");
  }
};

}  // namespace hydra::train

#endif  // HYDRA_TESTS_TRAIN_HISTORY_MODEL_H_
