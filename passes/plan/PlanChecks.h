// What every command of the plan must satisfy; used by hydra-verify-plan.
#ifndef HYDRA_PASSES_PLAN_PLANCHECKS_H
#define HYDRA_PASSES_PLAN_PLANCHECKS_H

#include "dialects/plan/PlanDialect.h"
#include "llvm/ADT/DenseMap.h"
#include <map>

namespace mlir::plan {

bool overlap(RefAttr a, RefAttr b);

// Bytes of the arena that hold a value. Disjoint, ascending.
class WrittenBytes {
public:
  void add(RefAttr place);
  bool contains(RefAttr place) const;

private:
  std::map<int64_t, int64_t> ranges; // begin -> end
};

// Checks the commands of one entry in order; each failure is a located diagnostic.
class CommandChecker {
public:
  CommandChecker(ModuleOp module, ArrayRef<int64_t> regionBytes)
      : symbols(module), regionBytes(regionBytes) {}

  // Inside its region, aligned to `element` bytes.
  LogicalResult checkPlace(Operation *op, RefAttr place, int64_t element) const;
  LogicalResult checkEntry(EntryOp entry);
  int64_t getNumCommands() const { return numCommands; }
  bool isUsed(StringRef kernel) const { return used.contains(kernel); }

private:
  LogicalResult checkBlock(Block &block, WrittenBytes &written);
  LogicalResult checkLaunch(LaunchOp op, WrittenBytes &written);
  LogicalResult checkMatmul(MatmulOp op, WrittenBytes &written);
  LogicalResult checkRead(Operation *op, RefAttr place, const WrittenBytes &written) const;

  SymbolTable symbols;
  ArrayRef<int64_t> regionBytes;
  llvm::DenseSet<StringRef> used;
  int64_t numCommands = 0;
};

} // namespace mlir::plan

#endif // HYDRA_PASSES_PLAN_PLANCHECKS_H
