// What an op sees while it is interpreted: the values computed so far, and how to round.
#ifndef HYDRA_COMPILER_INTERPRETER_INTERPRETERFRAME_H
#define HYDRA_COMPILER_INTERPRETER_INTERPRETERFRAME_H

#include "compiler/interpreter/TensorValue.h"
#include "dialects/hydra/HydraDialect.h"
#include "llvm/ADT/DenseMap.h"

#include <memory>
#include <random>

namespace mlir::hydra {

struct ModelState;

/// float32: every op result is rounded to its element type, sums inside an op are float64.
/// float64: no rounding at all, for derivative checks; i32 stays exact in both.
enum class Precision { float32, float64 };

/// Values of one function call, fusion or model run. Not thread-safe; ops use threads inside
/// themselves. A value is dropped after its last use in its block, so that memory follows liveness.
class InterpreterFrame {
public:
  /// `probes`, if not null, receives the first result of every op with a `hydra.probe` attribute
  /// under "probe/NAME"; it must outlive the frame.
  /// `perturbation`, if not null, moves every float element of every result up or down by half a
  /// unit in the last place of float32 (InterpretOptions::perturbation).
  explicit InterpreterFrame(Precision precision, NamedTensors *probes = nullptr,
                            std::mt19937_64 *perturbation = nullptr)
      : precisionMode(precision), probeSink(probes), perturbation(perturbation) {}

  /// An empty frame with the same settings, for an isolated region.
  InterpreterFrame nested() const {
    return InterpreterFrame(precisionMode, probeSink, perturbation);
  }

  Precision precision() const { return precisionMode; }

  /// The tensor of an SSA value; the value must have been set and not yet dropped. The reference is
  /// valid until the op that is being interpreted ends.
  const TensorValue &get(Value value) const;

  /// Sets a result, rounded according to the precision, with the element kind of the value's type.
  /// Its extents must match the static ones of the type. Setting again replaces (bodies run many
  /// times).
  void set(Value value, TensorValue tensor);

  /// Makes `value` another name of `source`, without a copy.
  void alias(Value value, Value source);
  /// Binds a value to a tensor shared with another frame.
  void bind(Value value, std::shared_ptr<const TensorValue> tensor);
  std::shared_ptr<const TensorValue> share(Value value) const;

  /// The value of a `rows` operand, clamped to 0 .. total; `total` if there is none.
  int64_t rowCount(Value rows, int64_t total) const;
  /// A scalar i32 operand, or element `index` of an i32 tensor; `fallback` if there is none.
  int64_t integer(Value value, int64_t fallback, int64_t index = 0) const;
  /// Zeros of the static type of `value`.
  TensorValue zerosLike(Value value) const;

  /// Interprets the ops of a block up to its terminator, whose operands stay available. An op
  /// without an interpretation is a located error.
  LogicalResult interpretBody(Block &block);

  /// State of the model tier; null outside `hydra.model`.
  ModelState *model() const { return modelState; }
  void setModel(ModelState *state) { modelState = state; }

private:
  struct Entry {
    std::shared_ptr<const TensorValue> tensor;
    // Uses left in the value's own block; negative: used in nested regions too, never dropped.
    int64_t usesLeft;
  };

  void dropOperands(Operation &op);

  Precision precisionMode;
  NamedTensors *probeSink;
  std::mt19937_64 *perturbation;
  ModelState *modelState = nullptr;
  llvm::DenseMap<Value, Entry> values;
};

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_INTERPRETER_INTERPRETERFRAME_H
