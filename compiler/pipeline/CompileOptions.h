// Compile settings: everything that changes the program. Filled from the command line in tools/,
// never from globals.
#ifndef HYDRA_COMPILER_PIPELINE_COMPILEOPTIONS_H
#define HYDRA_COMPILER_PIPELINE_COMPILEOPTIONS_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>

namespace mlir::hydra {

// Stages in pipeline order (blueprint section 2). Names are those of --stop-after.
enum class Stage { model, routing, autodiff, precision, remat, fusion, plan };
inline constexpr Stage kStages[] = {Stage::model, Stage::routing, Stage::autodiff, Stage::precision,
                                    Stage::remat, Stage::fusion,  Stage::plan};

llvm::StringRef stageName(Stage stage);
// The stage of a --stop-after value, or an error that lists the names.
llvm::Expected<Stage> parseStage(llvm::StringRef name);

// One --entry=NAME@BxS.
struct EntryShape {
  std::string name;
  int64_t batch = 0;
  int64_t seq = 0;

  std::string str() const;
};

// Parses NAME@BxS with NAME one of train, eval, extend and positive sizes.
llvm::Expected<EntryShape> parseEntryShape(llvm::StringRef text);

struct CompileOptions {
  std::string target = "cpu";
  llvm::SmallVector<std::string> architectures; // as --arch names them; empty: native
  std::string routing;                          // fixed, static, dynamic; empty: what the spec says
  std::string precision = "f32";
  llvm::SmallVector<EntryShape> entries; // empty: defaultEntries()
  int64_t cacheLength = 0;               // 0: the model's max_seq_len, at most 2048
  std::string probe;                     // glob of named values that become outputs; empty: none
};

// What is compiled when no --entry is given: training, evaluation, prompt and decoding.
llvm::SmallVector<EntryShape> defaultEntries(int64_t maxSeqLen);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_PIPELINE_COMPILEOPTIONS_H
