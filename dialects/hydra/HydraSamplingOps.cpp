// Shape inference of hydra.sample (HydraSamplingOps.td).
#include "dialects/hydra/TypeInference.h"

using namespace mlir;
using namespace mlir::hydra;

LogicalResult SampleOp::inferReturnTypes(MLIRContext *context, OptionalLocation location,
                                         Adaptor adaptor, SmallVectorImpl<Type> &types) {
  Value logits = adaptor.getLogits();
  RankedTensorType scores = tensorOf(logits), history = tensorOf(adaptor.getHistory());
  // sample C1
  if (scores.getRank() != 2 || lastExtent(scores) < 1 || !scores.getElementType().isF32())
    return emitOptionalError(location, "expected f32 logits [B, V] with V >= 1, found ", scores);
  int64_t batch = scores.getShape()[0];
  // sample C2
  if (history.getRank() != 3 || history.getShape()[0] != batch || history.getShape()[1] < 1 ||
      lastExtent(history) != 1)
    return emitOptionalError(location, "expected a history [", batch, ", P, 1] with P >= 1, found ",
                             history);
  // sample C3
  if (failed(requirePerSequence(location, "position", adaptor.getPosition(), logits)) ||
      failed(requirePerSequence(location, "count", adaptor.getCount(), logits)) ||
      failed(requirePerSequence(location, "sequence", adaptor.getSequence(), logits)))
    return failure();
  // sample C4
  if (tensorOf(adaptor.getSeed()).getShape() != ArrayRef<int64_t>({batch, 2}))
    return emitOptionalError(location, "expected seeds [", batch, ", 2], found ",
                             adaptor.getSeed().getType());
  types.push_back(RankedTensorType::get({batch}, IntegerType::get(context, 32)));
  return success();
}
