// What structural ops share while a model is interpreted. Private to this folder.
#ifndef HYDRA_COMPILER_INTERPRETER_MODELSTATE_H
#define HYDRA_COMPILER_INTERPRETER_MODELSTATE_H

#include "compiler/interpreter/TensorValue.h"
#include "dialects/hydra/HydraDialect.h"

#include <map>
#include <optional>

namespace mlir::hydra {

class InterpreterFrame;

/// State of one run of a `hydra.model`, or of structural ops in an ordinary function.
struct ModelState {
  ModelState(LanguageModelOp model, const NamedTensors &bindings)
      : model(model), bindings(bindings) {}

  /// Null in an ordinary function.
  LanguageModelOp model;
  /// "parameter/NAME" holds the parameter with state-dict name NAME. Owned by the caller.
  const NamedTensors &bindings;
  bool training = false;
  /// Control value `mod_aux_weight`; it replaces the weight of the spec.
  std::optional<double> balanceWeight;

  /// Prefix of parameter names, e.g. "layers.3.".
  std::string scope;
  /// Position in the enclosing `hydra.blocks`; count 0 outside of one.
  int64_t blockIndex = 0, blockCount = 0;
  /// Passes of the enclosing `hydra.recursion`; 1 outside of one.
  int64_t passes = 1;

  /// Hidden state after each block.
  std::map<int64_t, TensorValue> blockOutputs;
  /// Scores [B, S] and weighted balance loss of the latest call in each depth-routed block (Q10).
  std::map<int64_t, TensorValue> depthScores;
  std::map<int64_t, double> balanceLosses;

  /// The parameter `scope + name`, which must have `shape`. Otherwise a diagnostic at `op`, and
  /// null.
  const TensorValue *parameter(Operation *op, StringRef name, ArrayRef<int64_t> shape) const;
};

/// The state of a frame; a diagnostic at `op` and null where there is none, inside a fusion.
ModelState *requireState(Operation *op, InterpreterFrame &frame);
/// The same for ops that also need the model around them.
ModelState *requireModel(Operation *op, InterpreterFrame &frame);

/// x [..., K] times weight [N, K] transposed -> [..., N].
TensorValue linear(const TensorValue &x, const TensorValue &weight);
/// Rows [first, first + count) of `weight` only -> [..., count].
TensorValue linearRows(const TensorValue &x, const TensorValue &weight, int64_t first,
                       int64_t count);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_INTERPRETER_MODELSTATE_H
