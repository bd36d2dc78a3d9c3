// The ledger: every candidate that was judged, taken or not, by class.
#ifndef HYDRA_PASSES_FUSION_FUSIONLEDGER_H
#define HYDRA_PASSES_FUSION_FUSIONLEDGER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/fusion/FusionPolicy.h"
#include "llvm/ADT/StringMap.h"

#include <vector>

namespace mlir::hydra {

// The module's attribute that holds the ledger from the fusion stage on: {level, decisions}, the
// instruction-set level by whose facts was judged, and one dictionary per class of candidates.
//   kind, code      strings                       accepted        bool
//   detail          string, may be empty          instances       i64
//   ops             [{op, scope, location}] of the first instance, `first` ones of which are one
//   side before, after   {bytes, picoseconds, launches, ...}, absent where there is nothing to
//   compare limit           {name, value, allowed}, absent where none held
inline constexpr StringLiteral kLedgerAttrName = "plan.ledger";
// On plan.kernel: the ops of its first launch, each as describeOp has it.
inline constexpr StringLiteral kKernelOpsAttrName = "plan.ops";
// On plan.kernel: the bytes that one launch reads and writes, i64, all stages together.
inline constexpr StringLiteral kKernelBytesAttrName = "plan.bytes";

class FusionLedger {
public:
  // Goes on with what an earlier pass left.
  explicit FusionLedger(ModuleOp module);

  // Whether something was refused because of this word of --no-fuse.
  bool isSwitchedOffBy(StringRef word) const;
  // Notes a verdict about two sides, or about `left` alone, and gives it out as a remark of
  // category "fusion".
  void note(CandidateKind kind, ArrayRef<Operation *> left, ArrayRef<Operation *> right,
            const Verdict &verdict);
  // Leaves what was noted with the module. `level`: by whose facts was judged.
  void write(StringRef level);

private:
  struct Record {
    DictionaryAttr content;
    int64_t instances;
  };
  ModuleOp module;
  std::vector<Record> records;
  llvm::StringMap<size_t> classes; // by what is equal in all instances of a class
};

// {op, scope, location} of an op, as the ledger names it.
DictionaryAttr describeOp(Operation *op);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_FUSION_FUSIONLEDGER_H
