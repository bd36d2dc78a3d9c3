// Runs functions and models on the host: the oracle that compiled programs are compared with.
#ifndef HYDRA_COMPILER_INTERPRETER_INTERPRETER_H
#define HYDRA_COMPILER_INTERPRETER_INTERPRETER_H

#include "compiler/interpreter/InterpreterFrame.h"
#include "compiler/interpreter/TensorValue.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::hydra {

/// Attaches InterpretableOpInterface to every op of the hydra dialect that can be interpreted. The
/// context loads it with the dialect.
void registerInterpreterExternalModels(DialectRegistry &registry);

struct InterpretOptions {
  Precision precision = Precision::float32;
  /// Also return the first result of every op with a `hydra.probe` attribute, as "probe/NAME".
  bool probes = false;
  /// Models only: compute the balance losses of routing and the total loss of training.
  bool training = false;
  /// Functions only. Not zero: seed of Monte Carlo arithmetic, which moves every float result of
  /// every op up or down by half a unit in the last place of float32. How far the results of
  /// several seeds lie apart says how well a program is conditioned against rounding, whoever runs
  /// it.
  uint64_t perturbation = 0;
};

/// The key of argument `index`: "KIND/NAME" of its `hydra.binding` (e.g.
/// "parameter/tok_emb.weight", "input/tokens"), or "argN" without one.
std::string argumentKey(func::FuncOp function, unsigned index);
/// The key of result `index`: "KIND/NAME" of its `hydra.binding`, or "resultN".
std::string resultKey(func::FuncOp function, unsigned index);

/// Runs a function of one block of hydra ops: primitives, fusions, and structural ops that stand
/// alone (such as attention by itself), whose parameters are found as "parameter/NAME", e.g.
/// "parameter/attention.o_proj.weight". `bindings` holds one tensor
/// per argument, with its static shape; float arguments take any float tensor, i32 ones need i32.
/// Further entries are ignored. Returns the results, with updated values under the key of what they
/// update, and probes. Fails with a diagnostic at the function (what was expected, what was found)
/// or at an op.
FailureOr<NamedTensors> interpretFunction(func::FuncOp function, const NamedTensors &bindings,
                                          const InterpretOptions &options = {});

/// Runs a `hydra.model` op by op, without lowering it: fixed recursion depth, depth routing not
/// enabled. Bindings: "input/tokens" i32 [B, S]; "parameter/NAME" by state-dict name; optional
/// "input/targets" i32 [B, S]
/// (-100 is ignored) and "control/mod_aux_weight" (model.md 8; without it, the spec's weight).
/// Returns "output/logits" [B, S, V]; with targets also "output/loss.ce", and with `training`
/// besides "output/loss.aux" and "output/loss.total" (model.md 10); with `probes` "probe/block.I"
/// [B, S, D], the hidden state after block I, and "probe/mod.I.score" [B, S], the latest scores of
/// its depth router. Routed experts are refused.
FailureOr<NamedTensors> interpretModel(LanguageModelOp model, const NamedTensors &bindings,
                                       const InterpretOptions &options = {});

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_INTERPRETER_INTERPRETER_H
