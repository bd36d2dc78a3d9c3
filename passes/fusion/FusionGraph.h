// The ops of a block as groups that run together, and whether two groups may.
#ifndef HYDRA_PASSES_FUSION_FUSIONGRAPH_H
#define HYDRA_PASSES_FUSION_FUSIONGRAPH_H

#include "dialects/hydra/HydraDialect.h"
#include "llvm/ADT/DenseSet.h"

#include <string>

namespace mlir::hydra {

// Nodes are the ops that do work, each a group of its own at first; aliases (constants, reshapes)
// belong to whoever reads them. Groups, members and users are in program order.
class FusionGraph {
public:
  using Group = unsigned;

  explicit FusionGraph(Block &block);

  // An op that only names columns or another shape of its operand: every reader gets a copy.
  void makeAlias(Operation *op) {
    aliases.insert(op);
    edgesAreStale = true;
  }
  void dropAlias(Operation *op) {
    aliases.erase(op);
    edgesAreStale = true;
  }
  bool isAlias(Operation *op) const;
  // The value whose elements `value` shares: looks through aliases.
  Value rootOf(Value value) const;

  // All ops that do work, in program order.
  ArrayRef<Operation *> nodes() const { return ops; }
  Group groupOf(Operation *op) const { return groups.lookup(op); }
  ArrayRef<Operation *> members(Group group) const { return lists[group]; }
  // The op that makes what `value` shares; null for arguments and constants.
  Operation *producerOf(Value value) const;
  // All ops that have to run before `value` is there: of hydra.after both.
  void producersOf(Value value, SmallVectorImpl<Operation *> &producers) const;
  // Ops that read it, through aliases too; the terminator is among them.
  SmallVector<Operation *> usersOf(Value value) const;
  // Whether one of them is not in `ops`.
  bool isReadBesides(Value value, const llvm::DenseSet<Operation *> &ops) const;
  // plan::structureOf an op, made once.
  const std::string &structureOf(Operation *op) const;

  // Whether something between the two groups, which are not one, would have to run both before and
  // after them.
  bool wouldCycle(Group a, Group b) const;
  // The members of both in program order.
  SmallVector<Operation *> united(Group a, Group b) const;
  void merge(Group a, Group b);

  // Groups in an order that respects operands, as near to program order as that allows: a group
  // stands where its last member stood.
  SmallVector<Group> order() const;

private:
  // Who reads whom, op by op; only while aliases stay as they are.
  void findEdges() const;
  bool waitsForItself(ArrayRef<Operation *> members) const;
  // Gives groups numbers that ascend along all edges, which bounds every search.
  void rank() const;

  SmallVector<Operation *> ops;
  DenseMap<Operation *, unsigned> positions;
  DenseMap<Operation *, Group> groups;
  SmallVector<SmallVector<Operation *>> lists; // by group; empty: merged into another
  llvm::DenseSet<Operation *> aliases;

  // Made when asked for, from the above.
  mutable DenseMap<Operation *, std::string> structures;
  mutable bool edgesAreStale = true, ranksAreStale = true;
  mutable SmallVector<SmallVector<unsigned, 4>> readers; // of an op: positions, through aliases
  mutable SmallVector<Group> groupAt;                    // by position
  mutable SmallVector<unsigned> ranks;                   // by group
};

} // namespace mlir::hydra

#endif // HYDRA_PASSES_FUSION_FUSIONGRAPH_H
