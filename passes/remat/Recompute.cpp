#include "passes/remat/Recompute.h"

#include "mlir/IR/IRMapping.h"
#include "passes/autodiff/AdjointBuilder.h"

using namespace mlir;
using namespace mlir::hydra;

static bool isFloat(Value value) { return isa<FloatType>(tensorType(value).getElementType()); }

namespace {

class Recomputer {
public:
  Recomputer(func::FuncOp function, const Carried &carried,
             const llvm::DenseSet<Operation *> &repeated)
      : block(function.getBody().front()), carried(carried), repeated(repeated),
        builder(function.getContext()) {}

  int64_t run() {
    SmallVector<Operation *> late;
    for (Operation &op : block)
      if (carried.isLate(&op) && !isAlias(&op) && !op.hasTrait<OpTrait::IsTerminator>())
        late.push_back(&op);
    for (Operation *reader : late) {
      builder.setInsertionPoint(reader);
      event = eventOf(reader);
      for (OpOperand &operand : reader->getOpOperands())
        if (event && isMadeAgain(operand.get()))
          operand.set(again(operand.get()));
      latest = reader->getResult(0);
    }
    return count;
  }

private:
  // Whether the value, or what it names, is to be computed again. Reached only from late readers.
  bool isMadeAgain(Value value) const {
    Operation *maker = bytesOwner(value).getDefiningOp();
    return maker && repeated.contains(maker);
  }

  // A gradient that `reader` waits for; else what was computed last.
  Value eventOf(Operation *reader) const {
    for (Value operand : reader->getOperands())
      if (Operation *maker = operand.getDefiningOp();
          maker && !clones.contains(maker) && carried.isLate(maker))
        return operand;
    return latest;
  }

  Value again(Value value) {
    if (Value known = made.lookup(value))
      return known;
    Operation *op = value.getDefiningOp();
    if (!op || isa<ConstantOp>(op))
      return value;
    if (isAlias(op) && !isa<AfterOp>(op)) {
      Value inner = again(op->getOperand(0));
      if (inner == op->getOperand(0))
        return value;
      IRMapping mapping;
      mapping.map(op->getOperand(0), inner);
      return made[value] = cloneOf(op, mapping)->getResult(0);
    }
    if (!repeated.contains(op))
      return isFloat(value) ? await(value) : value;
    IRMapping mapping;
    bool waits = false;
    for (Value operand : op->getOperands()) {
      Value mapped = again(operand);
      waits |= mapped != operand;
      mapping.map(operand, mapped);
    }
    // Made of arguments alone.
    if (!waits)
      mapping.map(op->getOperand(0), await(op->getOperand(0)));
    Operation *clone = cloneOf(op, mapping);
    for (auto [old, result] : llvm::zip_equal(op->getResults(), clone->getResults()))
      made[old] = result;
    return made[value];
  }

  Operation *cloneOf(Operation *op, IRMapping &mapping) {
    Operation *clone = builder.clone(*op, mapping);
    clone->removeAttr(kProbeAttrName);
    clone->setLoc(NameLoc::get(builder.getStringAttr("recomputed"), op->getLoc()));
    clones.insert(clone);
    ++count;
    return clone;
  }

  // `value` behind the event, for the clone and for all that reads it later.
  Value await(Value value) {
    Value &known = awaited[{value, event}];
    if (known)
      return known;
    auto after = AfterOp::create(builder, value.getLoc(), value, event);
    if (Operation *maker = value.getDefiningOp())
      if (Attribute scope = maker->getAttr(kScopeAttrName))
        after->setAttr(kScopeAttrName, scope);
    Value &before = newest[value];
    for (Value old : {value, before})
      if (old)
        old.replaceUsesWithIf(after, [&](OpOperand &use) {
          Operation *user = use.getOwner();
          return user != after && after->isBeforeInBlock(user) && !clones.contains(user) &&
                 !user->hasTrait<OpTrait::IsTerminator>();
        });
    before = after;
    return known = after;
  }

  Block &block;
  const Carried &carried;
  const llvm::DenseSet<Operation *> &repeated;
  OpBuilder builder;
  Value event, latest;
  DenseMap<Value, Value> made, newest;
  DenseMap<std::pair<Value, Value>, Value> awaited;
  llvm::DenseSet<Operation *> clones;
  int64_t count = 0;
};

} // namespace

int64_t hydra::recompute(func::FuncOp function, const Carried &carried,
                         const llvm::DenseSet<Operation *> &repeated) {
  return repeated.empty() ? 0 : Recomputer(function, carried, repeated).run();
}
