// A model of a few lines that trains for real: one logit per byte, AdamW, clipping with a moving
// norm. It stands in for the executor where only the training loop is under test.
#ifndef HYDRA_TESTS_TRAIN_UNIGRAM_ENGINE_H_
#define HYDRA_TESTS_TRAIN_UNIGRAM_ENGINE_H_

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/hash.h"
#include "runtime/base/philox.h"
#include "runtime/data/batches.h"
#include "runtime/train/engine.h"

namespace hydra::train {

class UnigramEngine final : public TrainEngine {
 public:
  static constexpr int64_t kVocab = 256;

  UnigramEngine(int64_t batch, int64_t seq, int64_t micro_batches)
      : batch_(batch), seq_(seq), tokens_(micro_batches), targets_(micro_batches) {
    for (auto* memory : {&tokens_, &targets_}) {
      for (std::vector<int32_t>& micro : *memory) micro.resize(batch * seq);
    }
    facts_.model = "unigram";
    facts_.artifact_hash = "0123";
    facts_.target = "cpu";
    facts_.isa_level = "none";
    facts_.compiler_build = "test";
    facts_.vocab_size = kVocab;
    facts_.parameter_count = kVocab;
  }

  const EngineFacts& facts() const override { return facts_; }
  EngineFacts& mutable_facts() { return facts_; }
  int64_t batch() const override { return batch_; }
  int64_t seq() const override { return seq_; }
  int64_t micro_batches() const override { return static_cast<int64_t>(targets_.size()); }

  absl::Span<const StateTensor> state(StateKind kind) const override {
    switch (kind) {
      case StateKind::kParameters:
        return parameters_;
      case StateKind::kOptimizer:
        return optimizer_;
      case StateKind::kControlState:
        return control_state_;
    }
    return {};
  }
  absl::Status ReadState(StateKind kind, size_t index, absl::Span<uint8_t> bytes) override {
    const absl::Span<uint8_t> from = Bytes(kind, index);
    std::copy(from.begin(), from.end(), bytes.begin());
    return absl::OkStatus();
  }
  absl::Status WriteState(StateKind kind, size_t index, absl::Span<const uint8_t> bytes) override {
    const absl::Span<uint8_t> to = Bytes(kind, index);
    std::copy(bytes.begin(), bytes.end(), to.begin());
    return absl::OkStatus();
  }
  absl::Status InitializeParameters(uint64_t seed) override {
    Philox(seed, Hash64("init:head.bias")).FillNormal(0, 0.0f, 0.02f, absl::MakeSpan(logits_));
    return absl::OkStatus();
  }
  std::vector<std::string> aliases(size_t) const override { return {"bias"}; }

  std::optional<size_t> FindControl(absl::string_view name) const override {
    for (size_t i = 0; i < std::size(kControls); ++i) {
      if (kControls[i] == name) return i;
    }
    return std::nullopt;
  }
  void SetControl(size_t control, double value) override { controls_[control] = value; }
  double control(absl::string_view name) const { return controls_[*FindControl(name)]; }

  absl::Status UseVariant(absl::string_view) override { return absl::OkStatus(); }
  void UseTeacher(bool) override {}
  absl::StatusOr<BatchMemory> StageBatch(int64_t micro_batch) override {
    return BatchMemory{absl::MakeSpan(tokens_[micro_batch]), absl::MakeSpan(targets_[micro_batch])};
  }

  // The step is done at once, but what it gave is kept back until it is read.
  absl::StatusOr<int64_t> SubmitStep() override {
    results_.push_back(Step());
    return static_cast<int64_t>(results_.size()) - 1;
  }
  absl::Span<const StepField> record_fields() const override { return fields_; }
  int64_t steps_in_flight() const override { return steps_in_flight_; }
  absl::Status ReadStep(int64_t number, StepResults& results) override {
    EXPECT_GE(number + steps_in_flight_, static_cast<int64_t>(results_.size()));
    largest_delay_ = std::max(largest_delay_, static_cast<int64_t>(results_.size()) - number);
    results = results_[number];
    return absl::OkStatus();
  }
  // Most steps that were ever submitted and not read.
  int64_t largest_delay() const { return largest_delay_; }

  int64_t eval_batch() const override { return 2; }
  int64_t eval_seq() const override { return 8; }
  absl::Status Evaluate(absl::Span<const int32_t> tokens, absl::Span<const int32_t> targets,
                        absl::Span<float> token_loss) override {
    const std::vector<float> p = Probabilities();
    for (size_t i = 0; i < targets.size(); ++i) {
      token_loss[i] = targets[i] == data::kIgnoredTarget ? 0.0f : -std::log(p[targets[i]]);
    }
    return absl::OkStatus();
  }

  // The gradient of this step (counted from 0) will contain a NaN. Negative: of none.
  void PoisonStep(int32_t step) { poison_step_ = step; }
  // Whether a step with a NaN halts those after it, as programs of hydra-opt do.
  void set_latches(bool latches) { control_state_.resize(latches ? 2 : 1); }
  bool halted() const { return halted_[0] != 0; }
  // After this many steps a parameter will be NaN.
  void BreakParametersAt(int32_t step) { broken_step_ = step; }
  int32_t steps() const { return steps_[0]; }
  const std::vector<float>& logits() const { return logits_; }
  float grad_norm_ema() const { return grad_norm_ema_[0]; }

 private:
  static constexpr absl::string_view kControls[] = {
      "loss_scale",     "lr",         "weight_decay",   "clip_min", "clip_max", "clip_factor",
      "clip_ema_decay", "spike_norm", "spike_lr_factor"};

  StepResults Step() {
    StepResults results;
    std::vector<float> gradient(kVocab, 0.0f);
    double sum = 0;
    for (const std::vector<int32_t>& targets : targets_) {
      const std::vector<float> p = Probabilities();
      double loss = 0;
      for (const int32_t target : targets) {
        loss -= std::log(p[target]);
        const float scale =
            static_cast<float>(control("loss_scale")) / static_cast<float>(batch_ * seq_);
        for (int64_t i = 0; i < kVocab; ++i) {
          gradient[i] += scale * (p[i] - (i == target ? 1.0f : 0.0f));
        }
      }
      sum += loss / static_cast<double>(batch_ * seq_);
    }
    const double loss = sum / static_cast<double>(targets_.size());
    if (steps_[0] == poison_step_) gradient[7] = std::nanf("");
    double square = 0;
    for (const float g : gradient) square += double(g) * g;
    const double norm = std::sqrt(square);
    const float lr = static_cast<float>(control("lr"));
    results.values = {loss, loss, norm, lr};
    results.seconds = 1e-3;
    const bool latches = control_state_.size() == 2;
    if (!std::isfinite(norm) && latches) halted_[0] = 1;
    if (!std::isfinite(norm) || halted_[0] != 0) return results;
    ++steps_[0];
    for (int64_t i = 0; i < kVocab; ++i) {
      m_[i] = 0.9f * m_[i] + 0.1f * gradient[i];
      v_[i] = 0.95f * v_[i] + 0.05f * gradient[i] * gradient[i];
      logits_[i] -= lr * m_[i] / (std::sqrt(v_[i]) + 1e-8f);
    }
    grad_norm_ema_[0] = 0.95f * grad_norm_ema_[0] + 0.05f * static_cast<float>(norm);
    if (steps_[0] == broken_step_) logits_[3] = std::nanf("");
    return results;
  }

  std::vector<float> Probabilities() const {
    const float highest = *std::max_element(logits_.begin(), logits_.end());
    std::vector<float> p(kVocab);
    float sum = 0;
    for (int64_t i = 0; i < kVocab; ++i) sum += p[i] = std::exp(logits_[i] - highest);
    for (float& value : p) value /= sum;
    return p;
  }
  template <typename T>
  static absl::Span<uint8_t> Raw(std::vector<T>& values) {
    return absl::MakeSpan(reinterpret_cast<uint8_t*>(values.data()), values.size() * sizeof(T));
  }
  absl::Span<uint8_t> Bytes(StateKind kind, size_t index) {
    if (kind == StateKind::kParameters) return Raw(logits_);
    if (kind == StateKind::kControlState) return index == 0 ? Raw(grad_norm_ema_) : Raw(halted_);
    if (index == 0) return Raw(m_);
    return index == 1 ? Raw(v_) : Raw(steps_);
  }

  EngineFacts facts_;
  int64_t batch_, seq_;
  std::vector<std::vector<int32_t>> tokens_, targets_;
  std::vector<double> controls_ = std::vector<double>(std::size(kControls), 0.0);
  std::vector<StepResults> results_;
  int64_t steps_in_flight_ = 4, largest_delay_ = 0;
  int32_t poison_step_ = -1;
  int32_t broken_step_ = -1;
  std::vector<float> logits_ = std::vector<float>(kVocab, 0.0f);
  std::vector<float> m_ = std::vector<float>(kVocab, 0.0f);
  std::vector<float> v_ = std::vector<float>(kVocab, 0.0f);
  std::vector<int32_t> steps_ = {0};
  std::vector<float> grad_norm_ema_ = {0.0f};
  std::vector<float> halted_ = {0.0f};
  std::vector<StepField> fields_ = {
      {"loss.total", {}, 0, 1}, {"loss.ce", {}, 1, 1}, {"grad_norm", {}, 2, 1}, {"lr", {}, 3, 1}};
  std::vector<StateTensor> parameters_ = {{"head.bias", DType::kF32, {kVocab}}};
  std::vector<StateTensor> optimizer_ = {{"m/head.bias", DType::kF32, {kVocab}},
                                         {"v/head.bias", DType::kF32, {kVocab}},
                                         {"steps", DType::kI32, {1}}};
  std::vector<StateTensor> control_state_ = {{"grad_norm_ema", DType::kF32, {}},
                                             {"halted", DType::kF32, {}}};
};

}  // namespace hydra::train

#endif  // HYDRA_TESTS_TRAIN_UNIGRAM_ENGINE_H_
