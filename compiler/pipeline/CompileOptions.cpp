#include "compiler/pipeline/CompileOptions.h"

#include <algorithm>

using namespace mlir::hydra;

llvm::SmallVector<EntryRequest> mlir::hydra::defaultEntries(int64_t maxSeqLen) {
  int64_t seq = std::min<int64_t>(512, maxSeqLen);
  int64_t chunk = std::min<int64_t>(64, maxSeqLen);
  llvm::SmallVector<EntryRequest> entries = {
      {"train", 8, seq}, {"eval", 8, seq}, {"extend", 1, chunk}};
  if (chunk > 1)
    entries.push_back({"extend", 1, 1});
  return entries;
}
