#include "passes/fusion/FusionRegion.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

class RegionCopier {
public:
  RegionCopier(const FusionGraph &graph, ArrayRef<Operation *> members) : graph(graph) {
    inside.insert(members.begin(), members.end());
    for (Operation *op : members) {
      for (Value operand : op->getOperands())
        require(operand);
      order.push_back(op);
    }
    for (Operation *op : members)
      for (Value result : op->getResults())
        if (members.size() == 1 || isReadOutside(result))
          results.push_back(result);
  }

  ArrayRef<Value> getInputs() const { return inputs.getArrayRef(); }
  ArrayRef<Value> getResults() const { return results; }

  void fill(OpBuilder &builder, FusionOp fusion) {
    OpBuilder::InsertionGuard guard(builder);
    Block *body = builder.createBlock(&fusion.getBody());
    IRMapping mapping;
    for (Value input : inputs)
      mapping.map(input, body->addArgument(input.getType(), fusion.getLoc()));
    for (Operation *op : order) {
      Operation *copy = builder.clone(*op, mapping);
      // The alias itself, outside, keeps its name.
      if (!inside.contains(op))
        copy->removeAttr(kProbeAttrName);
    }
    SmallVector<Value> yielded;
    for (Value result : results)
      yielded.push_back(mapping.lookup(result));
    YieldOp::create(builder, fusion.getLoc(), yielded);
  }

private:
  // Aliases are copied where their root is made here, or where they cut columns.
  bool isCopied(Value value) const {
    for (Operation *op = value.getDefiningOp(); op; op = value.getDefiningOp()) {
      if (inside.contains(op))
        return true;
      if (!graph.isAlias(op) || op->getNumOperands() == 0)
        return false;
      if (isa<SplitOp>(op))
        return true;
      value = op->getOperand(0);
    }
    return false;
  }

  void require(Value value) {
    Operation *op = value.getDefiningOp();
    if (op && inside.contains(op))
      return;
    if (!isCopied(value)) {
      inputs.insert(value);
      return;
    }
    if (llvm::is_contained(order, op))
      return;
    for (Value operand : op->getOperands())
      require(operand);
    order.push_back(op);
  }

  bool isReadOutside(Value result) const {
    return llvm::any_of(graph.usersOf(result),
                        [&](Operation *user) { return !inside.contains(user); });
  }

  const FusionGraph &graph;
  llvm::DenseSet<Operation *> inside;
  SmallVector<Operation *> order; // members, and aliases before their readers
  llvm::SetVector<Value> inputs;
  SmallVector<Value> results;
};

// What all scopes begin with, whole names only.
StringAttr commonScope(ArrayRef<Operation *> members) {
  std::optional<std::string> common;
  for (Operation *op : members) {
    auto attribute = op->getAttrOfType<StringAttr>(kScopeAttrName);
    std::string scope = attribute ? attribute.str() : "";
    if (!common) {
      common = scope;
      continue;
    }
    while (*common != scope && !StringRef(scope).starts_with(*common + ".") && !common->empty())
      common->erase(common->find_last_of('.') == std::string::npos ? 0 : common->find_last_of('.'));
  }
  return StringAttr::get(members.front()->getContext(), common.value_or(""));
}

} // namespace

FusionOp mlir::hydra::copyRegion(OpBuilder &builder, const FusionGraph &graph,
                                 ArrayRef<Operation *> members, FusionKind kind, StringRef reason,
                                 SmallVectorImpl<Value> &results) {
  RegionCopier copier(graph, members);
  results.assign(copier.getResults().begin(), copier.getResults().end());
  SmallVector<Location> locations;
  for (Operation *op : members)
    locations.push_back(op->getLoc());
  Location location =
      members.size() == 1 ? locations.front() : FusedLoc::get(builder.getContext(), locations);
  auto fusion = FusionOp::create(builder, location, TypeRange(ValueRange(results)),
                                 copier.getInputs(), kind, builder.getStringAttr(reason));
  copier.fill(builder, fusion);
  if (StringAttr scope = commonScope(members); !scope.getValue().empty())
    fusion->setAttr(kScopeAttrName, scope);
  if (members.size() == 1) {
    Operation *only = &*std::prev(fusion.getBody().front().end(), 2);
    only->removeAttr(kScopeAttrName);
    if (Attribute probe = only->removeAttr(kProbeAttrName))
      fusion->setAttr(kProbeAttrName, probe);
  }
  return fusion;
}

OwningOpRef<FusionOp> mlir::hydra::detachedRegion(const FusionGraph &graph,
                                                  ArrayRef<Operation *> members) {
  // Without operands, so that nobody sees it among the readers of a value.
  OpBuilder builder(members.front()->getContext());
  RegionCopier copier(graph, members);
  auto fusion = FusionOp::create(builder, members.front()->getLoc(),
                                 TypeRange(ValueRange(copier.getResults())), ValueRange(),
                                 FusionKind::rows, builder.getStringAttr(""));
  copier.fill(builder, fusion);
  return fusion;
}
