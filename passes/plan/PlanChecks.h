// What every command of the plan must satisfy; used by hydra-verify-plan.
#ifndef HYDRA_PASSES_PLAN_PLANCHECKS_H
#define HYDRA_PASSES_PLAN_PLANCHECKS_H

#include "dialects/plan/OverwriteTable.h"
#include "dialects/plan/PlanDialect.h"
#include "llvm/ADT/DenseMap.h"
#include <map>

namespace mlir::plan {

// Whether two places share a byte. Views of one pitch whose columns are apart do not.
bool overlap(RefAttr a, RefAttr b);

// Bytes of the arena that hold a value. Disjoint, ascending.
class WrittenBytes {
public:
  void add(RefAttr place); // nothing if it lies in another region
  void remove(RefAttr place);
  bool contains(RefAttr place) const;
  // Keeps what `other` holds too.
  void intersect(const WrittenBytes &other);

private:
  void add(int64_t begin, int64_t end);
  void remove(int64_t begin, int64_t end);
  bool contains(int64_t begin, int64_t end) const;

  std::map<int64_t, int64_t> ranges; // begin -> end
};

// Checks the commands of one entry in order; each failure is a located diagnostic.
class CommandChecker {
public:
  CommandChecker(ModuleOp module, ArrayRef<int64_t> regionBytes)
      : symbols(module), regionBytes(regionBytes) {}

  // Well formed, inside its region, aligned to `element` bytes.
  LogicalResult checkPlace(Operation *op, RefAttr place, int64_t element) const;
  LogicalResult checkEntry(EntryOp entry);
  int64_t getNumCommands() const { return numCommands; }
  bool isUsed(StringRef kernel) const { return used.contains(kernel); }

private:
  LogicalResult checkBlock(Block &block, WrittenBytes &written);
  LogicalResult checkCommand(Operation &op, WrittenBytes &written);
  LogicalResult checkSwitch(SwitchOp op, WrittenBytes &written);
  LogicalResult checkRepeat(RepeatOp op, WrittenBytes &written);
  LogicalResult checkLaunch(LaunchOp op, WrittenBytes &written);
  LogicalResult checkStages(LaunchOp op, KernelOp kernel) const;
  LogicalResult checkOverlaps(LaunchOp op, KernelOp kernel, ArrayRef<RefAttr> places) const;
  LogicalResult checkMatmul(MatmulOp op, WrittenBytes &written);
  LogicalResult checkMatmulPlaces(MatmulOp op, const WrittenBytes &written) const;
  LogicalResult checkRead(Operation *op, RefAttr place, const WrittenBytes &written) const;
  // Where a place of a command stands in the iteration of the repeats around it that is checked
  // now.
  RefAttr now(RefAttr place) const;

  SymbolTable symbols;
  OverwriteTable overwrites;
  ArrayRef<int64_t> regionBytes;
  llvm::DenseSet<StringRef> used;
  int64_t iteration = -1; // of the innermost repeat; -1 outside
  int64_t numCommands = 0;
};

} // namespace mlir::plan

#endif // HYDRA_PASSES_PLAN_PLANCHECKS_H
