// Between the names of a program (KIND/NAME of its bindings) and those of a golden file. Private to
// this folder.
#ifndef HYDRA_RUNTIME_DIAGNOSTICS_VERIFY_NAMES_H_
#define HYDRA_RUNTIME_DIAGNOSTICS_VERIFY_NAMES_H_

#include <string>

#include "runtime/diagnostics/golden.h"

namespace hydra {

// The function of a case: "" for whole models, "attention_c03" for case "c03.".
std::string FunctionOfCase(const GoldenCase& item);

// What a golden tensor is bound to, e.g. "input/tokens", "parameter/tok_emb.weight"; "" if it is
// none of the program's inputs. `name` is without the case prefix.
std::string BindingOfTensor(absl::string_view name);

// The golden name (without case prefix) of a computed value, e.g. "out.block.0" for
// "output/probe.block.0", "grad.norm.weight" for "gradient/norm.weight"; labels keep their name; ""
// if golden files do not have it.
std::string TensorOfBinding(absl::string_view binding);

// Adds `route.mod.N.index` [calls, B, k] of the calls `route.mod.N.index.C` [B, k], in their order.
void StackCalls(NumericTensors& computed);

// Adds what follows by definition: in evaluation the total loss is the cross-entropy (model.md 10),
// and a loss term that the program does not have is 0.
void CompleteLosses(const Golden& golden, NumericTensors& computed);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_DIAGNOSTICS_VERIFY_NAMES_H_
