#include "tests/compiler/ProgramGenerator.h"

#include "tests/compiler/ProgramOperations.h"

namespace mlir::hydra::testing {

GeneratedProgram generateProgram(uint64_t seed, ProgramKind kind) {
  ProgramText text(seed * 0x9e3779b97f4a7c15u + 1);
  int64_t size = 5 + text.below(36);
  ProgramOperations operations(text, kind);
  const auto& all =
      kind == ProgramKind::chains ? ProgramOperations::ofChains() : ProgramOperations::all();
  // A program leans on a few kinds of operations, so that each meets itself too.
  std::vector<size_t> favourites;
  for (int i = 0; i < 6; ++i) favourites.push_back(text.below(static_cast<int64_t>(all.size())));
  while (text.operations() < size) {
    size_t choice =
        text.chance(0.4) ? text.oneOf(favourites) : text.below(static_cast<int64_t>(all.size()));
    (operations.*all[choice])();
  }
  return text.finish();
}

}  // namespace mlir::hydra::testing
