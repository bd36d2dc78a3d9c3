// The training engine over an executor: what the trainer asks for, in terms of entries and buffers.
#ifndef HYDRA_RUNTIME_TRAIN_EXECUTOR_ENGINE_H_
#define HYDRA_RUNTIME_TRAIN_EXECUTOR_ENGINE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/exec/executor.h"
#include "runtime/train/engine.h"

namespace hydra::train {

struct ExecutorEngineOptions {
  int64_t batch = 0;  // 0: that of the largest entry
  int64_t seq = 0;
  int64_t micro_batches = 1;
  std::string variant = {};  // "": the first one of the artifact
  bool training = true;      // false: evaluation and checkpoints only
  bool profile = false;      // time every command of a step
  int64_t steps_in_flight = 1;
};

// Owns the launches; borrows the executor, which must have memory for the micro-batches.
class ExecutorEngine final : public TrainEngine {
 public:
  // A usage error if no entry has exactly that shape, listing those present. Training needs no
  // exact match for evaluation: the entry of the training shape is taken, else the largest. Without
  // training the shape is that of the evaluation entry, which need not exist if none is asked for.
  static absl::StatusOr<std::unique_ptr<ExecutorEngine>> Create(
      Executor& executor, const ExecutorEngineOptions& options);

  const EngineFacts& facts() const override { return facts_; }
  int64_t batch() const override { return batch_; }
  int64_t seq() const override { return seq_; }
  int64_t micro_batches() const override { return micro_batches_; }
  absl::Span<const StateTensor> state(StateKind kind) const override;
  absl::Status ReadState(StateKind kind, size_t index, absl::Span<uint8_t> bytes) override;
  absl::Status WriteState(StateKind kind, size_t index, absl::Span<const uint8_t> bytes) override;
  absl::Status InitializeParameters(uint64_t seed) override;
  std::vector<std::string> aliases(size_t index) const override;
  std::optional<size_t> FindControl(absl::string_view name) const override {
    return control_.Find(name);
  }
  void SetControl(size_t control, double value) override { control_.Set(control, value); }
  absl::Status UseVariant(absl::string_view variant) override;
  void UseTeacher(bool counts) override { teacher_counts_ = counts; }
  absl::StatusOr<BatchMemory> StageBatch(int64_t micro_batch) override;
  absl::StatusOr<int64_t> SubmitStep() override;
  absl::Span<const StepField> record_fields() const override { return fields_; }
  int64_t steps_in_flight() const override { return static_cast<int64_t>(flight_.size()); }
  absl::Status ReadStep(int64_t number, StepResults& results) override;
  int64_t eval_batch() const override { return eval_entry_ ? eval_entry_->batch : 0; }
  int64_t eval_seq() const override { return eval_entry_ ? eval_entry_->seq : 0; }
  absl::Status Evaluate(absl::Span<const int32_t> tokens, absl::Span<const int32_t> targets,
                        absl::Span<float> token_loss) override;

  // What the next step runs, for who runs it otherwise; of an engine that trains.
  const artifact::EntryInfo& accumulate_entry() const { return *plan_->accumulate; }
  const artifact::EntryInfo& apply_entry() const { return *apply_; }
  const ControlBlock& control() const { return control_; }

  // Of the last evaluation that was prepared; empty without one.
  GraphUse evaluation_graphs() const {
    return evals_.empty() ? GraphUse() : evals_.back().launch->graph_use();
  }

  // The launch of the current plan, for benchmarks and profiles; nullptr without training.
  Launch* step_launch() { return plan_ == nullptr ? nullptr : plan_->launch.get(); }

 private:
  struct Tensors {
    std::vector<StateTensor> tensors;
    std::vector<const artifact::NamedBuffer*> buffers;
  };
  // A prepared step of one variant, with the places of all that goes in and comes out.
  struct StepPlan {
    const artifact::EntryInfo* accumulate = nullptr;
    std::unique_ptr<Launch> launch = nullptr;
    InputSlot<int32_t> tokens = {}, targets = {};
    // Experts that the batch's source asks for.
    std::optional<InputSlot<int32_t>> forced_expert = {}, teacher_expert = {};
    std::vector<InputSlot<float>> noise = {};  // by expert layer
    std::vector<size_t> fields = {};  // of launch->record_fields(): their places in fields_
  };
  struct EvalPlan {
    const artifact::EntryInfo* entry = nullptr;
    std::unique_ptr<Launch> launch = nullptr;
    const artifact::NamedBuffer* token_loss = nullptr;
    std::vector<const artifact::NamedBuffer*> invalid = {};  // kInvalidScores, by router
  };
  struct InFlight {
    StepPlan* plan = nullptr;
    hal::Ticket ticket;
  };
  ExecutorEngine(Executor& executor, ControlBlock control)
      : executor_(executor), control_(std::move(control)) {}
  absl::Status FindTraining(const ExecutorEngineOptions& options);
  absl::Status PreparePlan(StepPlan& plan);
  absl::Status FindRoutingInputs(StepPlan& plan, Launch& launch);
  absl::Status FindEvaluation(const ExecutorEngineOptions& options);
  // The evaluation that computes what the current step plan trains.
  absl::StatusOr<EvalPlan*> UseEvaluation();
  void DescribeState();
  absl::Status AddFields(const artifact::EntryInfo& entry);

  Executor& executor_;
  EngineFacts facts_;
  int64_t batch_ = 0, seq_ = 0, micro_batches_ = 1;
  bool teacher_counts_ = true;
  std::array<Tensors, 3> state_;
  std::vector<StepField> fields_;  // of all plans
  size_t record_elements_ = 0;     // of all of them together
  ControlBlock control_;
  hal::RecordOptions record_;
  const artifact::EntryInfo* apply_ = nullptr;
  std::vector<StepPlan> plans_;           // one per variant, in the artifact's order
  std::vector<absl::Span<float>> noise_;  // of the batch being staged
  StepPlan* plan_ = nullptr;              // the current one
  std::vector<InFlight> flight_;          // step n is at n mod size
  int64_t submitted_ = 0;
  // Evaluation in one shape: its first entry, and the variants that were used.
  const artifact::EntryInfo* eval_entry_ = nullptr;
  std::string eval_variant_;  // without training
  std::vector<EvalPlan> evals_;
};

// Names and versions that decide whether two runs can be bit-identical.
EngineFacts FactsOf(const Executor& executor);

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_EXECUTOR_ENGINE_H_
