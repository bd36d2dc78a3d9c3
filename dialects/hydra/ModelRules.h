// The rules of a model: quirks of the PyTorch HYDRA, reproduced or corrected (model.md 15).
#ifndef HYDRA_DIALECTS_HYDRA_MODELRULES_H
#define HYDRA_DIALECTS_HYDRA_MODELRULES_H

#include "llvm/ADT/StringRef.h"

#include <optional>

namespace mlir::hydra {

/// True: corrected.
struct ModelRules {
  bool ponderStep = false;      // Q1: the recursion routers know the step; the host's business
  bool depthGradient = false;   // Q3: the router's factor weighs the update, not the state
  bool selectedWeight = false;  // Q4: selected deltas are multiplied by p
  bool softSkips = false;       // Q5: static depth routing adds nothing for skipped tokens
  bool allPasses = false;       // Q10: balance loss and scores are means over all passes
  bool baselineBefore = false;  // Q12: the baseline is used before it is updated
  bool smallExperts = false;    // Q13: experts start small
  bool expertCapacity = false;  // Q14: rows beyond an expert's capacity weigh 0
  bool causalSelection = false; // Q21: depth routing ranks a token among its prefix

  /// From "pytorch", "corrected", or names such as "Q4,Q10"; nullopt for anything else.
  static std::optional<ModelRules> parse(llvm::StringRef text);
  /// What parse() accepts, for messages.
  static llvm::StringRef expected();
};

} // namespace mlir::hydra

#endif // HYDRA_DIALECTS_HYDRA_MODELRULES_H
