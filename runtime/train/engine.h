// What training needs of a loaded model. The executor implements it (executor_engine.h); tests use
// a model of a few lines.
#ifndef HYDRA_RUNTIME_TRAIN_ENGINE_H_
#define HYDRA_RUNTIME_TRAIN_ENGINE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/base/dtype.h"
#include "runtime/base/status.h"
#include "runtime/train/phase.h"

namespace hydra::train {

// Facts that a checkpoint records, so that a resume on something else is noticed.
struct EngineFacts {
  std::string model;
  std::string rules;          // "pytorch", "corrected", or "" if the model does not say
  std::string artifact_hash;  // hex
  std::string target;         // cpu, cuda, sim
  std::string isa_level;      // which of the artifact's code sections runs
  std::string compiler_build;
  std::map<std::string, std::string> library_versions;  // ours
  std::map<std::string, std::string> runtime;           // hal::Device::RuntimeFacts
  int64_t vocab_size = 0;
  int64_t parameter_count = 0;  // elements
  PhaseModel phases;            // what its steps may change
};

// A named piece of persistent state.
struct StateTensor {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
};

// A field of the step record, and where its elements are among those of all fields.
struct StepField {
  std::string name;  // "loss.ce", "grad_norm", ...
  std::vector<int64_t> shape;
  size_t first = 0, elements = 1;
};

// Fields of the record and results of evaluation that count a router's scores which are not
// numbers: this, then the router.
inline constexpr absl::string_view kInvalidScores = "invalid.";
// The numerical error that names `router`.
absl::Status InvalidScores(absl::string_view router, int64_t count);

// What one step gave.
struct StepResults {
  std::vector<double> values;  // of all fields, reduced over the micro-batches
  double seconds = 0;          // on the device
  // Of its list, on a device with graphs.
  struct Graphs {
    uint64_t launches = 0, nodes = 0;
    uint64_t fallbacks = 0;  // parts that nobody asked to be no graph
  };
  std::optional<Graphs> graphs = {};
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

  // Values of the control block, which every step takes as a whole. Find gives nullopt if the
  // program has no such value; a value holds until it is set again.
  virtual std::optional<size_t> FindControl(absl::string_view name) const = 0;
  virtual void SetControl(size_t control, double value) = 0;

  // A step is: stage every micro-batch, submit, and some steps later read what it gave. Only
  // `steps_in_flight` may be unread at a time. Nothing of this allocates once every plan was used.
  //
  // Chooses the program that the next steps run: a variant of the training entry, "" for the first.
  // It is prepared on first use and kept. An input error lists the variants there are. An engine
  // that does not train evaluates that variant.
  virtual absl::Status UseVariant(absl::string_view variant) = 0;
  // Whether teachers count in the next steps (model.md 9); they do until it is said.
  virtual void UseTeacher(bool counts) = 0;
  // Memory for the batch of a micro-batch of the next step; fill it whole, then submit. Waits only
  // while steps_in_flight are unfinished.
  // Noise is that of expert layer J in element J of the span, standard normal; none without jitter.
  // The experts that the batch's source asks for are one element each, -1 unless it is written;
  // empty where the program has none, the teacher's also where teachers no longer count.
  struct BatchMemory {
    absl::Span<int32_t> tokens, targets;
    absl::Span<int32_t> forced_expert = {}, teacher_expert = {};
    absl::Span<const absl::Span<float>> noise = {};
  };
  virtual absl::StatusOr<BatchMemory> StageBatch(int64_t micro_batch) = 0;
  // Starts one optimizer step, accumulate for every micro-batch, then apply, and returns before it
  // is done. The number of the step among those of this engine, from 0.
  virtual absl::StatusOr<int64_t> SubmitStep() = 0;
  // What a step records, one field after the other: those of every variant. One that a variant does
  // not have is 0 in its steps.
  virtual absl::Span<const StepField> record_fields() const = 0;
  virtual int64_t steps_in_flight() const = 0;
  // Waits for step `number`, one of the last steps_in_flight, and reads its record.
  virtual absl::Status ReadStep(int64_t number, StepResults& results) = 0;

  // Evaluation of one batch [eval_batch, eval_seq]: the loss of every token in nats; 0 where the
  // target is ignored. kFailedPrecondition if the artifact has no evaluation entry (eval_batch is
  // 0).
  virtual int64_t eval_batch() const = 0;
  virtual int64_t eval_seq() const = 0;
  virtual absl::Status Evaluate(absl::Span<const int32_t> tokens, absl::Span<const int32_t> targets,
                                absl::Span<float> token_loss) = 0;
};

// The field of that name; nullptr if the program records no such thing.
const StepField* FindField(absl::Span<const StepField> fields, absl::string_view name);

// Bytes of a state tensor.
uint64_t StateBytes(const StateTensor& tensor);

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_ENGINE_H_
