// An engine whose steps run one op at a time under a watch. Everything else is the executor's
// engine, so that a replayed step gets the batches, noise and control values it had in training.
#ifndef HYDRA_RUNTIME_DIAGNOSTICS_REPLAY_ENGINE_H_
#define HYDRA_RUNTIME_DIAGNOSTICS_REPLAY_ENGINE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/diagnostics/step_watch.h"
#include "runtime/train/executor_engine.h"

namespace hydra {

// What a watched step came to.
struct ReplayReport {
  std::optional<WatchFinding> not_finite, outlying;  // the first of each
  int64_t micro_batch = -1;                          // of `not_finite`; -1: in `apply`, or none
  int64_t outlying_micro_batch = -1;
  int64_t ops = 0;
};

// Borrows engine, executor and watch. Steps are watched while they are submitted; their records
// cannot be read.
class ReplayEngine final : public train::TrainEngine {
 public:
  ReplayEngine(train::ExecutorEngine& engine, Executor& executor, StepWatch& watch)
      : engine_(engine), executor_(executor), watch_(watch) {}

  // Of the last step.
  const ReplayReport& report() const { return report_; }
  // Input `name` of a micro-batch of the last step; empty if there is none.
  std::vector<int32_t> Integers(int64_t micro_batch, absl::string_view name) const;

  const train::EngineFacts& facts() const override { return engine_.facts(); }
  int64_t batch() const override { return engine_.batch(); }
  int64_t seq() const override { return engine_.seq(); }
  int64_t micro_batches() const override { return engine_.micro_batches(); }
  absl::Span<const train::StateTensor> state(train::StateKind kind) const override {
    return engine_.state(kind);
  }
  absl::Status ReadState(train::StateKind kind, size_t index, absl::Span<uint8_t> bytes) override {
    return engine_.ReadState(kind, index, bytes);
  }
  absl::Status WriteState(train::StateKind kind, size_t index,
                          absl::Span<const uint8_t> bytes) override {
    return engine_.WriteState(kind, index, bytes);
  }
  absl::Status InitializeParameters(uint64_t seed) override {
    return engine_.InitializeParameters(seed);
  }
  std::vector<std::string> aliases(size_t index) const override { return engine_.aliases(index); }
  std::optional<size_t> FindControl(absl::string_view name) const override {
    return engine_.FindControl(name);
  }
  void SetControl(size_t control, double value) override { engine_.SetControl(control, value); }
  absl::Status UseVariant(absl::string_view variant) override {
    return engine_.UseVariant(variant);
  }
  void UseTeacher(bool counts) override { teacher_counts_ = counts; }
  absl::StatusOr<BatchMemory> StageBatch(int64_t micro_batch) override;
  absl::StatusOr<int64_t> SubmitStep() override;
  absl::Span<const train::StepField> record_fields() const override {
    return engine_.record_fields();
  }
  int64_t steps_in_flight() const override { return engine_.steps_in_flight(); }
  absl::Status ReadStep(int64_t number, train::StepResults& results) override;
  int64_t eval_batch() const override { return engine_.eval_batch(); }
  int64_t eval_seq() const override { return engine_.eval_seq(); }
  absl::Status Evaluate(absl::Span<const int32_t> tokens, absl::Span<const int32_t> targets,
                        absl::Span<float> token_loss) override {
    return engine_.Evaluate(tokens, targets, token_loss);
  }

 private:
  // The inputs of one micro-batch, in the order of the entry's: integers or floats.
  struct Batch {
    std::vector<std::vector<int32_t>> integers;
    std::vector<std::vector<float>> floats;
    std::vector<absl::Span<float>> noise;
  };

  absl::Status LoadInputs(const artifact::EntryInfo& entry, const Batch& batch);
  absl::Status Watch(const artifact::EntryInfo& entry, int64_t micro_batch);

  train::ExecutorEngine& engine_;
  Executor& executor_;
  StepWatch& watch_;
  bool teacher_counts_ = true;
  std::vector<Batch> batches_;
  ReplayReport report_;
};

}  // namespace hydra

#endif  // HYDRA_RUNTIME_DIAGNOSTICS_REPLAY_ENGINE_H_
