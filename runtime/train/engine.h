// What training needs of a loaded model. The executor implements it (executor_engine.h); tests use
// a model of a few lines.
#ifndef HYDRA_RUNTIME_TRAIN_ENGINE_H_
#define HYDRA_RUNTIME_TRAIN_ENGINE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/base/dtype.h"
#include "runtime/base/status.h"

namespace hydra::train {

// Facts that a checkpoint records, so that a resume on something else is noticed.
struct EngineFacts {
  std::string model;
  std::string rules;          // of the model's spec; not recorded, the artifact's hash covers it
  std::string artifact_hash;  // hex
  std::string target;         // cpu, cuda, sim
  std::string isa_level;      // which of the artifact's code sections runs
  std::string compiler_build;
  std::map<std::string, std::string> library_versions;  // those that can change results
  int64_t vocab_size = 0;
  int64_t parameter_count = 0;  // elements
};

// A named piece of persistent state.
struct StateTensor {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
};

// The three kinds of state that a checkpoint holds; each is a list of tensors in a fixed order.
enum class StateKind { kParameters, kOptimizer, kControlState };

// Not thread-safe. Shapes: tokens and targets are [batch, seq] i32.
class TrainEngine {
 public:
  virtual ~TrainEngine() = default;

  virtual const EngineFacts& facts() const = 0;
  virtual int64_t batch() const = 0;
  virtual int64_t seq() const = 0;
  virtual int64_t micro_batches() const = 0;

  // State, in host memory order. `bytes` has the size of the tensor.
  virtual absl::Span<const StateTensor> state(StateKind kind) const = 0;
  virtual absl::Status ReadState(StateKind kind, size_t index, absl::Span<uint8_t> bytes) = 0;
  virtual absl::Status WriteState(StateKind kind, size_t index,
                                  absl::Span<const uint8_t> bytes) = 0;
  // Writes every parameter's initial value (model.md 12), a function of the seed and its name.
  virtual absl::Status InitializeParameters(uint64_t seed) = 0;
  // Other names that checkpoints may use for parameter `index`.
  virtual std::vector<std::string> aliases(size_t index) const = 0;

  // Scalars of the control block. The value holds until the next call. kNotFound if the program has
  // no such control.
  virtual absl::Status SetControl(absl::string_view name, double value) = 0;
  virtual bool HasControl(absl::string_view name) const = 0;

  // Input of one micro-batch of the next step.
  virtual absl::Status SetBatch(int64_t micro_batch, absl::Span<const int32_t> tokens,
                                absl::Span<const int32_t> targets) = 0;
  // One optimizer step: accumulate for every micro-batch, then apply. Returns when it is done.
  virtual absl::Status RunStep() = 0;
  // Names of the loss terms without "loss.", in the artifact's order, and their values after
  // RunStep.
  virtual absl::Span<const std::string> loss_terms() const = 0;
  virtual absl::StatusOr<double> Loss(size_t term, int64_t micro_batch) = 0;
  // Norm before clipping and the factor that clipping applied, after RunStep.
  virtual absl::StatusOr<double> GradNorm() = 0;
  virtual absl::StatusOr<double> ClipScale() = 0;

  // Evaluation of one batch [eval_batch, eval_seq]: the loss of every token in nats; 0 where the
  // target is ignored. kFailedPrecondition if the artifact has no evaluation entry (eval_batch is
  // 0).
  virtual int64_t eval_batch() const = 0;
  virtual int64_t eval_seq() const = 0;
  virtual absl::Status Evaluate(absl::Span<const int32_t> tokens, absl::Span<const int32_t> targets,
                                absl::Span<float> token_loss) = 0;
};

// Bytes of a state tensor.
uint64_t StateBytes(const StateTensor& tensor);

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_ENGINE_H_
