// A model of a few lines that trains for real: one logit per byte, AdamW, clipping with a moving
// norm. It stands in for the executor where only the training loop is under test.
#ifndef HYDRA_TESTS_TRAIN_UNIGRAM_ENGINE_H_
#define HYDRA_TESTS_TRAIN_UNIGRAM_ENGINE_H_

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "runtime/base/hash.h"
#include "runtime/base/philox.h"
#include "runtime/data/batches.h"
#include "runtime/train/engine.h"

namespace hydra::train {

class UnigramEngine final : public TrainEngine {
 public:
  static constexpr int64_t kVocab = 256;

  UnigramEngine(int64_t batch, int64_t seq, int64_t micro_batches)
      : batch_(batch), seq_(seq), losses_(micro_batches), targets_(micro_batches) {
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

  absl::Status SetControl(absl::string_view name, double value) override {
    controls_[std::string(name)] = value;
    ++control_writes_[std::string(name)];
    return absl::OkStatus();
  }
  bool HasControl(absl::string_view name) const override { return name != "mod_aux_weight"; }
  double control(const std::string& name) const { return controls_.at(name); }
  const std::map<std::string, int>& control_writes() const { return control_writes_; }

  absl::Status SetBatch(int64_t micro_batch, absl::Span<const int32_t> tokens,
                        absl::Span<const int32_t> targets) override {
    targets_[micro_batch].assign(targets.begin(), targets.end());
    return absl::OkStatus();
  }

  absl::Status RunStep() override {
    std::vector<float> gradient(kVocab, 0.0f);
    for (size_t micro = 0; micro < targets_.size(); ++micro) {
      const std::vector<float> p = Probabilities();
      double loss = 0;
      for (const int32_t target : targets_[micro]) {
        loss -= std::log(p[target]);
        const float scale =
            static_cast<float>(controls_.at("loss_scale")) / static_cast<float>(batch_ * seq_);
        for (int64_t i = 0; i < kVocab; ++i) {
          gradient[i] += scale * (p[i] - (i == target ? 1.0f : 0.0f));
        }
      }
      losses_[micro] = loss / static_cast<double>(batch_ * seq_);
    }
    if (steps_[0] == poison_step_) gradient[7] = std::nanf("");
    double square = 0;
    for (const float g : gradient) square += double(g) * g;
    grad_norm_ = std::sqrt(square);
    const float lr = static_cast<float>(controls_.at("lr"));
    ++steps_[0];
    for (int64_t i = 0; i < kVocab; ++i) {
      m_[i] = 0.9f * m_[i] + 0.1f * gradient[i];
      v_[i] = 0.95f * v_[i] + 0.05f * gradient[i] * gradient[i];
      logits_[i] -= lr * m_[i] / (std::sqrt(v_[i]) + 1e-8f);
    }
    grad_norm_ema_[0] = 0.95f * grad_norm_ema_[0] + 0.05f * static_cast<float>(grad_norm_);
    return absl::OkStatus();
  }
  absl::Span<const std::string> loss_terms() const override { return terms_; }
  absl::StatusOr<double> Loss(size_t term, int64_t micro_batch) override {
    return losses_[micro_batch];
  }
  absl::StatusOr<double> GradNorm() override { return grad_norm_; }
  absl::StatusOr<double> ClipScale() override { return 1.0; }

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

  // The gradient of this step (counted from 0) will contain a NaN.
  void PoisonStep(int32_t step) { poison_step_ = step; }
  const std::vector<float>& logits() const { return logits_; }
  float grad_norm_ema() const { return grad_norm_ema_[0]; }

 private:
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
    if (kind == StateKind::kControlState) return Raw(grad_norm_ema_);
    if (index == 0) return Raw(m_);
    return index == 1 ? Raw(v_) : Raw(steps_);
  }

  EngineFacts facts_;
  int64_t batch_, seq_;
  std::vector<double> losses_;
  std::vector<std::vector<int32_t>> targets_;
  std::map<std::string, double> controls_;
  std::map<std::string, int> control_writes_;
  double grad_norm_ = 0;
  int32_t poison_step_ = -1;
  std::vector<float> logits_ = std::vector<float>(kVocab, 0.0f);
  std::vector<float> m_ = std::vector<float>(kVocab, 0.0f);
  std::vector<float> v_ = std::vector<float>(kVocab, 0.0f);
  std::vector<int32_t> steps_ = {0};
  std::vector<float> grad_norm_ema_ = {0.0f};
  std::vector<std::string> terms_ = {"total", "ce"};
  std::vector<StateTensor> parameters_ = {{"head.bias", DType::kF32, {kVocab}}};
  std::vector<StateTensor> optimizer_ = {{"m/head.bias", DType::kF32, {kVocab}},
                                         {"v/head.bias", DType::kF32, {kVocab}},
                                         {"steps", DType::kI32, {1}}};
  std::vector<StateTensor> control_state_ = {{"grad_norm_ema", DType::kF32, {}}};
};

}  // namespace hydra::train

#endif  // HYDRA_TESTS_TRAIN_UNIGRAM_ENGINE_H_
