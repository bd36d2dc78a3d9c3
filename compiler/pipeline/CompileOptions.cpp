#include "compiler/pipeline/CompileOptions.h"

#include "llvm/ADT/StringExtras.h"
#include <algorithm>

using namespace llvm;

namespace mlir::hydra {

StringRef stageName(Stage stage) {
  switch (stage) {
  case Stage::model:
    return "model";
  case Stage::routing:
    return "routing";
  case Stage::autodiff:
    return "autodiff";
  case Stage::precision:
    return "precision";
  case Stage::remat:
    return "remat";
  case Stage::fusion:
    return "fusion";
  case Stage::plan:
    return "plan";
  }
  llvm_unreachable("unknown stage");
}

Expected<Stage> parseStage(StringRef name) {
  SmallVector<StringRef> names;
  for (Stage stage : kStages) {
    if (stageName(stage) == name)
      return stage;
    names.push_back(stageName(stage));
  }
  return createStringError("expected a stage, one of " + join(names, ", ") + ", found '" + name +
                           "'");
}

std::string EntryShape::str() const {
  return name + "@" + std::to_string(batch) + "x" + std::to_string(seq);
}

Expected<EntryShape> parseEntryShape(StringRef text) {
  auto [name, shape] = text.split('@');
  auto [batch, seq] = shape.split('x');
  EntryShape entry{name.str(), 0, 0};
  if (name != "train" && name != "eval" && name != "extend")
    return createStringError("--entry=" + text +
                             ": expected train, eval or extend before the @, found '" + name + "'");
  if (batch.getAsInteger(10, entry.batch) || seq.getAsInteger(10, entry.seq) || entry.batch <= 0 ||
      entry.seq <= 0)
    return createStringError("--entry=" + text +
                             ": expected NAME@BxS with positive sizes, e.g. train@8x512");
  return entry;
}

SmallVector<EntryShape> defaultEntries(int64_t maxSeqLen) {
  int64_t seq = std::min<int64_t>(512, maxSeqLen);
  int64_t chunk = std::min<int64_t>(64, maxSeqLen);
  SmallVector<EntryShape> entries = {{"train", 8, seq}, {"eval", 8, seq}, {"extend", 1, chunk}};
  if (chunk > 1)
    entries.push_back({"extend", 1, 1});
  return entries;
}

} // namespace mlir::hydra
