// From the plan dialect to the tables of an artifact, as plain structures.
#ifndef HYDRA_COMPILER_ARTIFACT_PLANTABLES_H
#define HYDRA_COMPILER_ARTIFACT_PLANTABLES_H

#include "compiler/artifact/ArtifactWriter.h"
#include "runtime/artifact/artifact.h"

namespace mlir::hydra {

// The tables that describe `module`, without sections. Decides nothing: every field is an attribute
// of the plan. Kernels are numbered in module order, stages in a row; scope 0 is the empty one,
// others follow in order of first use. Optimizer buffers named STATE/PARAMETER belong to their
// parameter.
FailureOr<::hydra::artifact::ArtifactInfo> buildTables(ModuleOp module, ArrayRef<CodeSection> code,
                                                       const ArtifactMetadata &metadata);

// The bytes of region `constants`.
std::vector<uint8_t> buildConstants(ModuleOp module);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_ARTIFACT_PLANTABLES_H
