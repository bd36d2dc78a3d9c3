// Cost and fusion kind of every primitive (CostOpInterface).
#include "dialects/hydra/TypeInference.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

int64_t elements(Value value) { return tensorOf(value).getNumElements(); }

// FLOPs counted per element of the first result.
template <typename OpT, FusionKind kind, int64_t flopsPerElement>
struct ElementCost : CostOpInterface::ExternalModel<ElementCost<OpT, kind, flopsPerElement>, OpT> {
  int64_t getFlops(Operation *op) const { return flopsPerElement * elements(op->getResult(0)); }
  FusionKind getFusionKind(Operation *) const { return kind; }
};

struct ReduceCost : CostOpInterface::ExternalModel<ReduceCost, ReduceOp> {
  int64_t getFlops(Operation *op) const { return elements(op->getOperand(0)); }
  FusionKind getFusionKind(Operation *op) const {
    return cast<ReduceOp>(op).getAxes() == ReduceAxes::leading ? FusionKind::columns
                                                               : FusionKind::rows;
  }
};

struct MatmulCost : CostOpInterface::ExternalModel<MatmulCost, MatmulOp> {
  int64_t getFlops(Operation *op) const {
    auto matmul = cast<MatmulOp>(op);
    RankedTensorType a = tensorOf(matmul.getA());
    int64_t contraction =
        matmul.getTransposeA() ? flattenedRows(a) : lastExtent(a) / (int64_t)matmul.getGroups();
    return 2 * contraction * elements(matmul.getResult());
  }
  FusionKind getFusionKind(Operation *) const { return FusionKind::matmul; }
};

// Compares every score with those before it.
struct PrefixRankCost : CostOpInterface::ExternalModel<PrefixRankCost, PrefixRankOp> {
  int64_t getFlops(Operation *op) const {
    auto rank = cast<PrefixRankOp>(op);
    return elements(rank.getScore()) * lastExtent(tensorOf(rank.getKeys())) / 2;
  }
  FusionKind getFusionKind(Operation *) const { return FusionKind::move; }
};

// Counts as if every row belonged to a group.
struct GroupedMatmulCost : CostOpInterface::ExternalModel<GroupedMatmulCost, GroupedMatmulOp> {
  int64_t getFlops(Operation *op) const {
    auto matmul = cast<GroupedMatmulOp>(op);
    return 2 * lastExtent(tensorOf(matmul.getX())) * elements(matmul.getResult());
  }
  FusionKind getFusionKind(Operation *) const { return FusionKind::matmul; }
};

// Counts one of G equal groups.
struct GroupedWeightGradCost
    : CostOpInterface::ExternalModel<GroupedWeightGradCost, GroupedWeightGradOp> {
  int64_t getFlops(Operation *op) const {
    auto grad = cast<GroupedWeightGradOp>(op);
    int64_t groups = elements(grad.getOffsets()) - 1;
    return 2 * flattenedRows(tensorOf(grad.getA())) / groups * elements(grad.getResult());
  }
  FusionKind getFusionKind(Operation *) const { return FusionKind::matmul; }
};

// Visible keys per query of a causal attention: S (S + 1) / 2 pairs plus S (T - S) earlier ones.
int64_t visiblePairs(RankedTensorType q, RankedTensorType k) {
  int64_t s = q.getShape()[1], t = k.getShape()[1];
  return q.getShape()[0] * (s * (s + 1) / 2 + s * (t - s));
}

struct AttentionCost : CostOpInterface::ExternalModel<AttentionCost, AttentionOp> {
  int64_t getFlops(Operation *op) const {
    auto attention = cast<AttentionOp>(op);
    RankedTensorType q = tensorOf(attention.getQ());
    return 4 * lastExtent(q) * visiblePairs(q, tensorOf(attention.getK()));
  }
  FusionKind getFusionKind(Operation *) const { return FusionKind::attention_forward; }
};

struct AttentionGradCost : CostOpInterface::ExternalModel<AttentionGradCost, AttentionGradOp> {
  int64_t getFlops(Operation *op) const {
    auto grad = cast<AttentionGradOp>(op);
    RankedTensorType q = tensorOf(grad.getQ());
    return 10 * lastExtent(q) * visiblePairs(q, tensorOf(grad.getK()));
  }
  FusionKind getFusionKind(Operation *) const { return FusionKind::attention_backward; }
};

struct CausalConvCost : CostOpInterface::ExternalModel<CausalConvCost, CausalConvOp> {
  int64_t getFlops(Operation *op) const {
    auto conv = cast<CausalConvOp>(op);
    ArrayRef<int64_t> filter = tensorOf(conv.getFilter()).getShape();
    return 2 * filter[1] * filter[2] * elements(conv.getResult());
  }
  FusionKind getFusionKind(Operation *) const { return FusionKind::window; }
};

// Every logit: its weight, and what one search of the threshold looks at.
struct SampleCost : CostOpInterface::ExternalModel<SampleCost, SampleOp> {
  int64_t getFlops(Operation *op) const { return 16 * elements(cast<SampleOp>(op).getLogits()); }
  FusionKind getFusionKind(Operation *) const { return FusionKind::sample; }
};

struct GlobalNormCost : CostOpInterface::ExternalModel<GlobalNormCost, GlobalNormOp> {
  int64_t getFlops(Operation *op) const {
    int64_t flops = 0;
    for (Value input : op->getOperands())
      flops += 2 * elements(input);
    return flops;
  }
  FusionKind getFusionKind(Operation *) const { return FusionKind::update; }
};

template <FusionKind kind, int64_t flopsPerElement, typename... Ops>
void attach(MLIRContext *context) {
  (Ops::template attachInterface<ElementCost<Ops, kind, flopsPerElement>>(*context), ...);
}

} // namespace

void mlir::hydra::registerCostExternalModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, HydraDialect *) {
    attach<FusionKind::rows, 1, UnaryOp, BinaryOp, SelectOp, CastOp, BroadcastOp, HeadMixOp>(
        context);
    attach<FusionKind::rows, 4, RmsNormOp, L2NormOp, SwigluOp, RopeOp>(context);
    attach<FusionKind::rows, 8, RmsNormGradOp, L2NormGradOp, SwigluGradOp>(context);
    attach<FusionKind::rows, 0, SplitOp, ConcatOp>(context);
    attach<FusionKind::columns, 4, RmsNormWeightGradOp>(context);
    attach<FusionKind::alias, 0, ConstantOp, RopeTableOp, StopOp, ReshapeOp, SliceRowsOp, AfterOp>(
        context);
    attach<FusionKind::place, 0, ConcatRowsOp>(context);
    attach<FusionKind::window, 0, ShiftOp, UnfoldOp, WindowTailOp>(context);
    attach<FusionKind::window, 1, FoldOp>(context);
    attach<FusionKind::move, 0, GatherRowsOp, CacheUpdateOp, CountingSortOp, NonzeroOp, TopKOp>(
        context);
    attach<FusionKind::move, 1, EmbeddingOp, ScatterRowsOp, MergeRowsOp>(context);
    attach<FusionKind::rows, 4, CrossEntropyOp, CrossEntropyGradOp>(context);
    attach<FusionKind::update, 16, AdamWOp>(context);
    ReduceOp::attachInterface<ReduceCost>(*context);
    MatmulOp::attachInterface<MatmulCost>(*context);
    PrefixRankOp::attachInterface<PrefixRankCost>(*context);
    GroupedMatmulOp::attachInterface<GroupedMatmulCost>(*context);
    GroupedWeightGradOp::attachInterface<GroupedWeightGradCost>(*context);
    AttentionOp::attachInterface<AttentionCost>(*context);
    AttentionGradOp::attachInterface<AttentionGradCost>(*context);
    CausalConvOp::attachInterface<CausalConvCost>(*context);
    GlobalNormOp::attachInterface<GlobalNormCost>(*context);
    SampleOp::attachInterface<SampleCost>(*context);
  });
}
