// hydra-chunk-cross-entropy: logits exist in chunks of rows, forward and backward together.
#include "passes/remat/Passes.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "passes/autodiff/AdjointBuilder.h"
#include "passes/remat/LossChunk.h"
#include "passes/remat/LossHead.h"

namespace mlir::hydra {
#define GEN_PASS_DEF_CHUNKCROSSENTROPYPASS
#include "passes/remat/Passes.h.inc"
} // namespace mlir::hydra

using namespace mlir;
using namespace mlir::hydra;

namespace {

// What is made without a scope works for the loss.
struct ScopeListener : OpBuilder::Listener {
  explicit ScopeListener(Attribute scope) : scope(scope) {}
  void notifyOperationInserted(Operation *op, OpBuilder::InsertPoint) override {
    if (scope)
      op->setAttr(kScopeAttrName, scope);
  }
  Attribute scope;
};

// Rewrites one head.
class Chunker {
public:
  Chunker(LossHead &head, int64_t chunk)
      : head(head), chunk(chunk), listener(head.loss->getAttr(kScopeAttrName)),
        builder(head.loss->getContext(), &listener), adjoint(builder, head.loss.getLoc()) {
    builder.setInsertionPoint(head.loss);
  }

  int64_t run() {
    int64_t count = 0;
    for (int64_t first = 0; first < head.rows; first += chunk, ++count)
      addChunk(first, std::min(chunk, head.rows - first));
    // Backwards, so that a reshape still shows what it is made of.
    for (Operation *op : llvm::reverse(head.members))
      for (OpResult result : op->getResults())
        replace(result);
    for (Operation *op : llvm::reverse(head.members))
      op->erase();
    return count;
  }

private:
  // A value as [N, C], or [N] if it has one element per row.
  Value flat(Value value) {
    Value &known = flattened[value];
    if (!known) {
      int64_t columns = tensorType(value).getNumElements() / head.rows;
      SmallVector<int64_t> shape = {head.rows};
      if (value != head.loss.getTargets())
        shape.push_back(columns);
      known = adjoint.reshape(value, shape);
    }
    return known;
  }
  Value slice(Value value, int64_t first, int64_t count) {
    Value whole = flat(value);
    return SliceRowsOp::create(builder, head.loss.getLoc(), whole, first, count);
  }

  void addChunk(int64_t first, int64_t count) {
    IRMapping mapping;
    // The rows of an operand of a member.
    auto rows = [&](Value value) {
      Value mapped = mapping.lookupOrNull(value);
      if (!mapped)
        mapping.map(value, mapped = slice(value, first, count));
      return mapped;
    };
    for (Operation *member : head.members) {
      if (auto reshape = dyn_cast<ReshapeOp>(member)) {
        mapping.map(reshape.getResult(), rows(reshape.getX()));
        continue;
      }
      Operation *made;
      Location location = member->getLoc();
      if (auto rounding = dyn_cast<CastOp>(member)) {
        made = CastOp::create(builder, location, rows(rounding.getX()),
                              rounding.getElementTypeAttr(), Value());
      } else if (isa<CrossEntropyOp>(member)) {
        made = CrossEntropyOp::create(builder, location, rows(head.loss.getLogits()),
                                      rows(head.loss.getTargets()));
      } else if (auto grad = dyn_cast<CrossEntropyGradOp>(member)) {
        made =
            CrossEntropyGradOp::create(builder, location, grad.getScale(), rows(grad.getLogits()),
                                       rows(grad.getTargets()), rows(grad.getLse()));
      } else {
        made = product(cast<MatmulOp>(member), rows);
      }
      for (NamedAttribute attribute : member->getDiscardableAttrs())
        if (attribute.getName() != kProbeAttrName)
          made->setDiscardableAttr(attribute.getName(), attribute.getValue());
      mapping.map(member->getResults(), made->getResults());
      for (auto [old, result] : llvm::zip_equal(member->getResults(), made->getResults()))
        pieces[old].push_back(result);
    }
  }

  Operation *product(MatmulOp member, function_ref<Value(Value)> rows) {
    Value a = rows(member.getA()), b = member.getB(), accumulator;
    if (member.getTransposeA()) {
      b = rows(b);
      // The chunks before this one.
      ArrayRef<Value> before = pieces[member.getResult()];
      accumulator = before.empty() ? Value(member.getAccumulator()) : before.back();
    }
    return MatmulOp::create(builder, member.getLoc(), a, b, accumulator, Value(),
                            member.getTransposeA(), member.getTransposeB(), member.getGroups(),
                            member.getElementTypeAttr(), member.getFullPrecision());
  }

  // Hands what the chunks made to who reads the whole.
  void replace(OpResult result) {
    Operation *member = result.getOwner();
    bool isRead =
        head.whole.contains(result) || llvm::any_of(result.getUsers(), [&](Operation *user) {
          return !llvm::is_contained(head.members, user);
        });
    if (!isRead)
      return;
    Value whole;
    auto matmul = dyn_cast<MatmulOp>(member);
    if (matmul && matmul.getTransposeA())
      whole = pieces[result].back();
    else if (result == head.loss.getLoss())
      whole = meanLoss();
    else
      whole = join(result);
    result.replaceAllUsesWith(whole);
    // The name of an op is that of its first result.
    if (Attribute probe = member->getAttr(kProbeAttrName); probe && result.getResultNumber() == 0)
      whole.getDefiningOp()->setAttr(kProbeAttrName, probe);
  }

  // The chunks of a value as one, of its shape.
  Value join(Value value) {
    // A reshape has no pieces of its own.
    Value source = value;
    while (auto reshape = source.getDefiningOp<ReshapeOp>())
      source = reshape.getX();
    Value &joined = wholes[source];
    if (!joined)
      joined = ConcatRowsOp::create(builder, source.getLoc(), pieces[source]);
    return ReshapeOp::create(builder, value.getLoc(), joined, tensorType(value).getShape());
  }

  // Over all chunks, as the op defines it.
  Value meanLoss() {
    Value tokenLoss = join(head.loss.getTokenLoss());
    Type element = tensorType(tokenLoss).getElementType();
    Value sum = adjoint.reduce(ReduceKind::sum, ReduceAxes::all, tokenLoss);
    return adjoint.div(sum, adjoint.countValid(head.loss.getTargets(), element));
  }

  LossHead &head;
  int64_t chunk;
  ScopeListener listener;
  OpBuilder builder;
  AdjointBuilder adjoint;
  DenseMap<Value, Value> flattened, wholes;
  DenseMap<Value, SmallVector<Value>> pieces; // of the results of members, one per chunk
};

class ChunkCrossEntropy : public mlir::hydra::impl::ChunkCrossEntropyPassBase<ChunkCrossEntropy> {
public:
  using ChunkCrossEntropyPassBase::ChunkCrossEntropyPassBase;

  void runOnOperation() override {
    SmallVector<CrossEntropyOp> losses;
    getOperation().walk([&](CrossEntropyOp op) { losses.push_back(op); });
    for (CrossEntropyOp loss : losses)
      consider(loss);
  }

private:
  void consider(CrossEntropyOp loss) {
    RankedTensorType type = tensorType(loss.getLogits());
    int64_t vocabulary = type.getShape().back(), total = type.getNumElements() / vocabulary;
    int64_t chunk = rows > 0 ? evenLossChunk(total, rows) : chooseLossChunk(total, vocabulary);
    if (chunk >= total)
      return;
    LossRefusal refusal;
    FailureOr<LossHead> head = findLossHead(loss, refusal);
    if (failed(head) || failed(hoistOperands(*head, refusal))) {
      remark::missed(loss.getLoc(), options(loss, refusal.code))
          << "logits of " + std::to_string(total) + " x " + std::to_string(vocabulary) +
                 " are held whole"
          << remark::reason("{0}", refusal.reason);
      return;
    }
    int64_t width = type.getElementTypeBitWidth() / 8;
    bool isAsked = !head->whole.empty();
    {
      auto note = remark::passed(loss.getLoc(), options(loss, "CHUNKED"));
      note << "logits in chunks of " + std::to_string(chunk) + " rows"
           << remark::metric("bytes_before", total * vocabulary * width)
           << remark::metric("bytes_after", chunk * vocabulary * width);
      if (isAsked)
        note << remark::reason("{0}", "the whole is put together, because it is asked for");
    }
    ++numChunked;
    numChunks += Chunker(*head, chunk).run();
    if (!isAsked)
      bytesSaved += (total - chunk) * vocabulary * width;
  }

  remark::RemarkOpts options(Operation *op, StringRef code) {
    return remark::RemarkOpts::name(code).category("memory").function(getOperation().getSymName());
  }
};

} // namespace
