// Reads a model: a spec (.mlir) or a config (.json).
//
// Specs and configs are untrusted: whatever they hold, the outcome is a verified module or one
// error. An error is a diagnostic at the place in the file, which says what was expected, what was
// found and what to do. The tools exit with 3 on failure (a bad or missing input file).
#ifndef HYDRA_FRONTEND_LOADSPEC_H
#define HYDRA_FRONTEND_LOADSPEC_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace mlir::hydra {

// Loads `path`: a .mlir file, a .json file, or "-" for standard input in either format. The context
// needs no dialects; those of a spec are loaded. Errors of the parser carry a note that says what
// to write instead.
FailureOr<OwningOpRef<ModuleOp>> loadSpec(StringRef path, MLIRContext &context);

// Why the file at `path` is no text that MLIR could parse: an artifact, or other bytes. "" for
// text, bytecode, standard input, and what cannot be read.
std::string binarySpecProblem(StringRef path);

// A spec in memory; `source` names it in messages.
FailureOr<OwningOpRef<ModuleOp>> parseSpec(StringRef text, StringRef source, MLIRContext &context);

// A config in memory, for example the `config` string of a golden file. Object with one of
//   model   settings of a model, see ModelConfig.h -> one hydra.model
//   cases   settings of attention modules          -> one function @attention_PREFIX each, with
//           hydra.vjp, input "x" [batch, seq, dim] and output "y"; batch is 2 unless given
// Further keys of golden files are accepted and left alone.
FailureOr<OwningOpRef<ModuleOp>> parseConfig(StringRef text, StringRef source,
                                             MLIRContext &context);

} // namespace mlir::hydra

#endif // HYDRA_FRONTEND_LOADSPEC_H
