// Who decides what runs together: candidates in, verdicts with their reasons out.
#ifndef HYDRA_PASSES_FUSION_FUSIONPOLICY_H
#define HYDRA_PASSES_FUSION_FUSIONPOLICY_H

#include "mlir/IR/BuiltinOps.h"
#include "passes/fusion/FusionRegion.h"
#include "passes/fusion/RegionCost.h"
#include "llvm/ADT/StringMap.h"

#include <string>

namespace mlir::hydra {

// What may be merged.
enum class CandidateKind {
  edge,       // a producer and a reader of its result
  sibling,    // two readers of one full-size tensor
  view,       // a cut of columns, read where it lies instead of copied
  accumulate, // a product and what is added to it, summed in the product's own call
  epilogue,   // a row program behind a matmul, in the library's call
  prologue,   // a row program before a matmul
  product,    // a product, as a kernel of our own instead of a library's
};
StringRef nameOf(CandidateKind kind);

struct Verdict {
  bool accepted = false;
  std::string code;   // of fusionCodes()
  std::string detail; // a sentence; may be empty
  // Before: of the parts, one after the other. Absent where the code says that they do not merge.
  std::optional<RegionCost> before, after;
  // The limit that held, what was found and what is allowed; empty: none.
  std::string limit;
  int64_t value = 0, allowed = 0;
};

// The codes of verdicts with what they mean, in the order of the documentation.
struct FusionCode {
  StringLiteral name, meaning;
  bool switchable; // --no-fuse may name it: that of a merge
};
ArrayRef<FusionCode> fusionCodes();

// What is switched off: codes of merges, names HYDRA_DISABLE_*, globs over scopes, and
// FILE:LINE of a source location.
struct FusionSwitches {
  bool on = true;
  SmallVector<std::string> disabled;

  // Whether a word may be given; the error names what is known.
  static llvm::Error check(StringRef word);
};
// The names HYDRA_DISABLE_* and the ops that each is about.
struct DisableName {
  StringLiteral name;
  ArrayRef<StringLiteral> ops; // empty: all
};
ArrayRef<DisableName> disableNames();

// Judges candidates by the facts of one machine, in integers; the same question has the same answer
// wherever it is asked. Not thread-safe: answers are remembered.
class FusionPolicy {
public:
  FusionPolicy(const CpuFacts &facts, FusionSwitches switches)
      : facts(facts), switches(std::move(switches)), used(this->switches.disabled.size(), false) {}

  // The cost of a region of primitives, by structure.
  const RegionEstimate &estimate(const RegionOutline &region);

  // Whether `parts` shall run as `merged`, which holds all of them. `code` is that of a taken
  // verdict.
  Verdict judge(StringRef code, ArrayRef<RegionOutline> parts, const RegionOutline &merged);
  // Whether `product`, which can, shall take the other summand of `add` as its accumulator. `alone`
  // holds the add.
  Verdict judgeAccumulate(const RegionOutline &alone, BinaryOp add, Operation *product);
  // What switches it off: a word of the switches, or "" if nothing does.
  std::string disabledBy(StringRef code, ArrayRef<Operation *> ops);
  // Words that switched nothing off.
  SmallVector<std::string> unusedSwitches() const;

  const CpuFacts &machine() const { return facts; }

private:
  bool isDisabled(StringRef code, ArrayRef<Operation *> ops, Verdict &verdict);
  // What verdict.before and verdict.after decide.
  void compare(StringRef code, Verdict &verdict) const;

  const CpuFacts &facts;
  FusionSwitches switches;
  SmallVector<bool> used;
  llvm::StringMap<RegionEstimate> known; // by structure
};

// The policy of a pass with the options of FusionJudge (Passes.td). Fails, with a diagnostic at
// `module`, for a level that is none.
FailureOr<FusionPolicy> createFusionPolicy(ModuleOp module, StringRef level, bool enabled,
                                           ArrayRef<std::string> noFuse);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_FUSION_FUSIONPOLICY_H
