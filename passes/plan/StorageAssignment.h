// Where the values of one entry live.
#ifndef HYDRA_PASSES_PLAN_STORAGEASSIGNMENT_H
#define HYDRA_PASSES_PLAN_STORAGEASSIGNMENT_H

#include "passes/plan/KernelTable.h"
#include "passes/plan/RegionLayout.h"

namespace mlir::plan {

// Bytes that hold one value after the other, each written over its predecessor.
struct Storage {
  RefAttr place; // fixed, or null until the arena is planned
  int64_t bytes = 0;
  int64_t first = -1; // step that writes the first value; -1 for what is there at the start
  int64_t last = -1;  // last step that reads the latest value; the number of steps if it is kept
  bool inArena = false;
  bool reusable = false; // may be overwritten once the latest value is dead
};

// Moves a value to where the host, or the next entry, expects it. After all steps, in order.
struct FinalCopy {
  Value source; // null if `staged` is the source
  RefAttr
      staged; // arena bytes between two copies that would otherwise overwrite each other's source
  RefAttr target;
};

// Gives every value of a function in fused form a place: see hydra-plan in Passes.td. Steps are the
// fusions, matmuls and concat_rows of the function in order.
class StorageAssignment {
public:
  // `function` satisfies hydra-verify-fused. Appends its inputs, outputs and record fields to
  // regions of their own sizes in `sizes`, and constants to `constants`. Fails with a diagnostic if
  // a binding occurs twice. Every fusion of the function has been added to `kernels`.
  static FailureOr<StorageAssignment> create(func::FuncOp function, const SharedLayout &shared,
                                             ConstantPool &constants, const KernelTable &kernels,
                                             RegionSizes &sizes);

  RefAttr placeOf(Value value) const;
  // Where input `index` of `concat` belongs in its result.
  RefAttr placeInside(hydra::ConcatRowsOp concat, unsigned index) const;
  // The result in whose place the step that makes `root` writes it; null if it has its own.
  Value joinedIn(Value root) const;
  // The buffer that carries partial results between the stages of a fusion; null if it has one
  // stage.
  RefAttr partialOf(Operation *fusion) const;

  const KernelTable &getKernels() const { return kernels; }
  ArrayRef<Operation *> getSteps() const { return steps; }
  // Arena bytes whose last reader is step `step`, neighbours joined, in ascending order.
  SmallVector<RefAttr> diedAfter(int64_t step) const;
  ArrayRef<NamedPlace> getInputs() const { return inputs; }
  ArrayRef<NamedPlace> getOutputs() const { return outputs; }
  ArrayRef<NamedPlace> getRecord() const { return record; }
  int64_t getRecordBytes() const { return ownSizes.get(plan::Region::record); }
  ArrayRef<FinalCopy> getFinalCopies() const { return copies; }
  // Where the results of the function have to be, one per result.
  ArrayRef<RefAttr> getTargets() const { return targets; }
  int64_t getArenaBytes() const { return arenaBytes; }
  // Without any reuse.
  int64_t getValueBytes() const { return valueBytes; }
  // What holds the arena at the step where most is alive: the values and their bytes, largest
  // first.
  SmallVector<std::pair<Value, int64_t>> getLiveAtPeak() const;
  int64_t getNumInPlace() const { return numInPlace; }

private:
  StorageAssignment(func::FuncOp function, ConstantPool &constants, const KernelTable &kernels)
      : function(function), constants(constants), kernels(kernels) {}

  void findLastUses();
  void findParts();
  LogicalResult placeArguments(const SharedLayout &shared);
  LogicalResult placeTargets(const SharedLayout &shared);
  FailureOr<ReduceAttr> recordReduce(unsigned index);
  void assignSteps();
  std::optional<unsigned> tryJoin(Value result, int64_t step);
  std::optional<unsigned> tryTarget(Operation *op, unsigned result, int64_t step);
  std::optional<unsigned> tryOperand(Operation *op, unsigned result, int64_t step);
  bool mayTake(Operation *op, unsigned result, unsigned storage) const;
  bool isAll(Value value) const;
  void planCopies();
  void planArenaBlocks();

  unsigned addStorage(Storage storage);
  unsigned storageOf(Value value);
  int64_t lastUse(Value value, int64_t otherwise) const;
  int64_t end() const { return static_cast<int64_t>(steps.size()); }

  func::FuncOp function;
  ConstantPool &constants;
  const KernelTable &kernels;
  SmallVector<Operation *> steps;
  DenseMap<Value, int64_t> lastUses; // of roots
  struct Part {
    hydra::ConcatRowsOp whole;
    int64_t offset; // bytes from the start of the whole
  };
  DenseMap<Value, Part> parts; // results of steps that are written where a concat_rows wants them
  SmallVector<Storage> storages;
  DenseMap<Value, unsigned> storageOfRoot;
  DenseMap<Operation *, unsigned> partials;
  DenseMap<hydra::BindingAttr, unsigned> storageOfBinding; // arguments
  SmallVector<RefAttr> targets;                            // one per result of the function
  DenseMap<Value, unsigned> targetOfRoot; // first result that a root is returned as
  llvm::SmallSet<unsigned, 4> taken;      // storages given to results of this step
  SmallVector<NamedPlace> inputs, outputs, record;
  SmallVector<FinalCopy> copies;
  SmallVector<std::pair<unsigned, unsigned>> staging; // copy, storage
  RegionSizes ownSizes;
  int64_t arenaBytes = 0, valueBytes = 0, numInPlace = 0;
};

// The value whose bytes, or some of whose bytes, `value` shares: looks through reshape, stop,
// after and slice_rows.
Value rootOf(Value value);
// Whether `value` is all of its root.
bool isWhole(Value value);

} // namespace mlir::plan

#endif // HYDRA_PASSES_PLAN_STORAGEASSIGNMENT_H
