// Interpreting a compiled module after any stage.
#ifndef HYDRA_COMPILER_PIPELINE_INTERPRETMODULE_H
#define HYDRA_COMPILER_PIPELINE_INTERPRETMODULE_H

#include "compiler/interpreter/Interpreter.h"

namespace mlir::hydra {

// Runs the functions of `module` on `inputs`, keys KIND/NAME of their bindings ("SYMBOL:KIND/NAME"
// where the module holds several functions). Gradients, optimizer state and caches that `inputs`
// lacks start at zero, control values at their `hydra.initial`; inputs and parameters must be
// there.
//
// Functions are the module's entries but `apply`, or all functions if none is an entry. If the only
// entry is `accumulate` and `inputs` hold the optimizer's step counts, "optimizer/steps", `apply`
// runs on what it leaves, so that the results are those of an optimizer step. Before the
// routing stage there are none: then a hydra.model runs, as an evaluation unless `training`. Probes
// of all named values are among the results, as "output/probe.NAME".
FailureOr<NamedTensors> interpretModule(ModuleOp module, const NamedTensors &inputs,
                                        Precision precision, bool training);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_PIPELINE_INTERPRETMODULE_H
