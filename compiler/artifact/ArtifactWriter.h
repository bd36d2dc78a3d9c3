// Writes a planned and compiled module as an artifact (runtime/artifact/artifact.fbs, format.h).
#ifndef HYDRA_COMPILER_ARTIFACT_ARTIFACTWRITER_H
#define HYDRA_COMPILER_ARTIFACT_ARTIFACTWRITER_H

#include "mlir/IR/BuiltinOps.h"
#include "runtime/artifact/artifact.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"
#include <cstdint>
#include <string>
#include <vector>

namespace mlir::hydra {

// Machine code of all kernels for one instruction-set level. Position independent, without
// relocations.
struct CodeSection {
  std::string isaLevel; // its --arch name
  std::vector<uint8_t> bytes;
  llvm::StringMap<uint64_t> symbols; // byte offset of each kernel function, see kernelSymbol
};

// What an artifact says beside the plan.
struct ArtifactMetadata {
  std::string model;          // symbol of the model, or of the function compiled alone
  std::string target = "cpu"; // cpu, cuda, sim
  std::string compilerBuild;
  std::string rules;
  std::string precision = "f32"; // f32, bf16
  int64_t vocabSize = 0, dim = 0, maxSeqLen = 0, cacheLength = 0;
  ::hydra::artifact::PhaseFacts phases;
  std::string spec;     // text of the model spec; empty: no section. So for the next two
  std::string settings; // compile settings, JSON
  std::string ledger;   // fusion decisions, JSON
};

// The function that computes a stage of a kernel: the kernel's symbol, with "_sN" for stages N > 0.
// Kernels in the artifact carry the same names, one per stage.
std::string kernelSymbol(llvm::StringRef kernel, int64_t stage);

// Writes `module`, which holds the plan dialect as hydra-verify-plan accepts it and the hydra.param
// ops of its parameters. Every code section must define every kernel symbol. Same input, same
// bytes. On failure a located diagnostic has been emitted and nothing was written.
LogicalResult writeArtifact(ModuleOp module, ArrayRef<CodeSection> code,
                            const ArtifactMetadata &metadata, llvm::raw_ostream &stream);

// As above, to a file that appears complete or not at all.
LogicalResult writeArtifactFile(ModuleOp module, ArrayRef<CodeSection> code,
                                const ArtifactMetadata &metadata, const std::string &path);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_ARTIFACT_ARTIFACTWRITER_H
