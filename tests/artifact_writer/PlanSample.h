// A plan that holds every op of the plan dialect, for tests of the artifact writer.
#ifndef HYDRA_TESTS_ARTIFACT_WRITER_PLANSAMPLE_H
#define HYDRA_TESTS_ARTIFACT_WRITER_PLANSAMPLE_H

#include "compiler/artifact/ArtifactWriter.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

namespace mlir::hydra::testing {

OwningOpRef<ModuleOp> parsePlan(MLIRContext& context, llvm::StringRef text);

// Regions, a parameter with gradient and states, control, cache, constants, a kernel of two stages,
// and entry
// @all with one command of each kind.
extern const char* const kPlanSample;

// Code sections for two levels that define the kernels of the sample.
std::vector<CodeSection> sampleCode();
ArtifactMetadata sampleMetadata();

}  // namespace mlir::hydra::testing

#endif  // HYDRA_TESTS_ARTIFACT_WRITER_PLANSAMPLE_H
