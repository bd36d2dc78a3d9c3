// Compile settings: everything that changes the program. Filled from the command line in tools/,
// never from globals. What each one is called, and how it is read and written: CompileSettings.h.
#ifndef HYDRA_COMPILER_PIPELINE_COMPILEOPTIONS_H
#define HYDRA_COMPILER_PIPELINE_COMPILEOPTIONS_H

#include "passes/lowering/EntryRequest.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <string>

namespace mlir::hydra {

// The precision whose matmuls take bf16 operands (passes/precision).
inline constexpr llvm::StringLiteral kBfloat16 = "bf16";

// The target whose architectures are those of GPUs (dialects/target/GpuFacts.h).
inline constexpr llvm::StringLiteral kCuda = "cuda";

struct CompileOptions {
  std::string target = "cpu";
  llvm::SmallVector<std::string> architectures; // as --arch names them; empty: native
  std::string routing;                          // fixed, static, dynamic; empty: defaultRouting()
  llvm::SmallVector<std::string> variants;      // of every entry; empty: all that the mode has
  std::string modRule;                          // of kSelectionRules; empty: as LowerModel has it
  std::string precision = "f32";                // or kBfloat16
  llvm::SmallVector<EntryRequest> entries;      // empty: defaultEntries()
  int64_t cacheLength = 0;                      // 0: the model's max_seq_len, at most 2048
  std::string function;                         // compile only this one; empty: all
  llvm::SmallVector<std::string> probes;        // globs of named values that become outputs
  llvm::SmallVector<std::string> injected;      // globs of named values that become inputs
  std::string fusion = "on";                    // or off: every primitive is a kernel of its own
  llvm::SmallVector<std::string> noFuse;        // what is not merged (passes/fusion/FusionPolicy.h)
  // Rows of logits that exist at once in a loss; 0: chosen by cost (passes/remat/LossChunk.h).
  int64_t lossChunk = 0;
  // Bytes that all planned memory may take (passes/remat); 0: no limit.
  int64_t memoryBudget = 0;
  // Gradient bytes that one collective adds at most; 0: as hydra-plan has it.
  int64_t bucketBytes = 0;
};

// What is compiled when no entry is asked for: training, evaluation, prompt and decoding.
llvm::SmallVector<EntryRequest> defaultEntries(int64_t maxSeqLen);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_PIPELINE_COMPILEOPTIONS_H
