#include "passes/fusion/FusionRegion.h"

#include "dialects/plan/KernelStructure.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::hydra;

RegionOutline::RegionOutline(const FusionGraph &graph, ArrayRef<Operation *> members)
    : graph(graph) {
  inside.insert(members.begin(), members.end());
  for (Operation *op : members) {
    for (Value operand : op->getOperands())
      require(operand);
    order.push_back(op);
  }
  for (Operation *op : members)
    for (Value result : op->getResults())
      if (members.size() == 1 || graph.isReadBesides(result, inside))
        given.push_back(result);
}

std::string RegionOutline::structure() const {
  plan::KernelStructure structure;
  for (Value input : read)
    structure.addInput(input);
  for (Operation *op : order)
    structure.addOp(op, graph.structureOf(op));
  structure.addResults(given);
  return structure.take();
}

void RegionOutline::fill(OpBuilder &builder, FusionOp fusion) const {
  OpBuilder::InsertionGuard guard(builder);
  Block *body = builder.createBlock(&fusion.getBody());
  IRMapping mapping;
  for (Value input : read)
    mapping.map(input, body->addArgument(input.getType(), fusion.getLoc()));
  for (Operation *op : order) {
    Operation *copy = builder.clone(*op, mapping);
    // The alias itself, outside, keeps its name.
    if (!inside.contains(op))
      copy->removeAttr(kProbeAttrName);
  }
  SmallVector<Value> yielded;
  for (Value result : given)
    yielded.push_back(mapping.lookup(result));
  YieldOp::create(builder, fusion.getLoc(), yielded);
}

OwningOpRef<FusionOp> RegionOutline::copy() const {
  // Without operands, so that nobody sees it among the readers of a value.
  OpBuilder builder(order.front()->getContext());
  auto fusion = FusionOp::create(builder, order.front()->getLoc(), TypeRange(ValueRange(given)),
                                 ValueRange(), FusionKind::rows, builder.getStringAttr(""));
  fill(builder, fusion);
  return fusion;
}

// Aliases are copied where their root is made here, or where they cut columns.
bool RegionOutline::isCopied(Value value) const {
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

void RegionOutline::require(Value value) {
  Operation *op = value.getDefiningOp();
  if (op && inside.contains(op))
    return;
  if (!isCopied(value)) {
    read.insert(value);
    return;
  }
  if (llvm::is_contained(order, op))
    return;
  for (Value operand : op->getOperands())
    require(operand);
  order.push_back(op);
}

// What all scopes begin with, whole names only.
static StringAttr commonScope(ArrayRef<Operation *> members) {
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

FusionOp mlir::hydra::copyRegion(OpBuilder &builder, const FusionGraph &graph,
                                 ArrayRef<Operation *> members, FusionKind kind, StringRef reason,
                                 SmallVectorImpl<Value> &results) {
  RegionOutline outline(graph, members);
  results.assign(outline.results().begin(), outline.results().end());
  SmallVector<Location> locations;
  for (Operation *op : members)
    locations.push_back(op->getLoc());
  Location location =
      members.size() == 1 ? locations.front() : FusedLoc::get(builder.getContext(), locations);
  auto fusion = FusionOp::create(builder, location, TypeRange(ValueRange(results)),
                                 outline.inputs(), kind, builder.getStringAttr(reason));
  outline.fill(builder, fusion);
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
