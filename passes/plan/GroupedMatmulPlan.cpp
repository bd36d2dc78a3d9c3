#include "passes/plan/GroupedMatmulPlan.h"

#include "passes/plan/MatmulPlan.h"

using namespace mlir;
using namespace mlir::plan;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

// Offsets `first` to `last` of an i32 vector.
static RefAttr offsetsOf(RefAttr offsets, int64_t first, int64_t last) {
  constexpr int64_t kBytes = 4;
  return RefAttr::get(offsets.getContext(), offsets.getRegion(),
                      offsets.getOffset() + first * kBytes, (last - first + 1) * kBytes);
}

// The distance from one place to the next in bytes; nullopt if they are not equally far apart, in
// ascending order, in one region.
static std::optional<int64_t> distanceOf(ArrayRef<RefAttr> places) {
  if (places.size() < 2)
    return std::nullopt;
  int64_t distance = places[1].getOffset() - places[0].getOffset();
  for (size_t i = 1; i < places.size(); ++i)
    if (places[i].getRegion() != places[0].getRegion() ||
        places[i].getOffset() - places[i - 1].getOffset() != distance)
      return std::nullopt;
  return distance >= places[0].getBytes() ? std::optional(distance) : std::nullopt;
}

void mlir::plan::emitGroupedMatmul(OpBuilder &builder, hydra::GroupedMatmulOp op,
                                   const StorageAssignment &storage, StringRef scope) {
  OperandRange weights = op.getWeights();
  auto groups = static_cast<int64_t>(weights.size());
  MatmulShape shape = matmulShape(op);
  // Rows of a group on average: larger tiles would be mostly empty.
  MatmulShape share = shape;
  share.m = llvm::divideCeil(shape.m, groups);
  Tile tile = chooseTile(share, hydra::cpuMatmulLibrary());
  Type element = typeOf(op.getX()).getElementType();
  Type weightElement = typeOf(weights.front()).getElementType();
  Type resultElement = typeOf(op.getResult()).getElementType();
  RefAttr offsets = storage.placeOf(op.getOffsets());

  auto emit = [&](RefAttr weight, int64_t first, int64_t count, int64_t stride) {
    MatmulOp::create(builder, op.getLoc(), storage.placeOf(op.getX()), weight,
                     storage.placeOf(op.getResult()), shape.m, shape.n, shape.k, shape.lda,
                     shape.ldb, shape.ldc, /*transpose_a=*/false, op.getTransposeB(),
                     /*accumulate=*/false, tile.m, tile.n, /*rows=*/RefAttr(),
                     /*rows_bound_k=*/false, element, weightElement, resultElement, count,
                     /*group_a=*/0, stride, /*group_c=*/0, offsetsOf(offsets, first, first + count),
                     /*k_slice=*/0, MatrixLayout::plain, scope);
  };
  SmallVector<RefAttr> places;
  for (Value weight : weights)
    places.push_back(storage.placeOf(weight));
  int64_t bytes = typeOf(weights.front()).getElementTypeBitWidth() / 8;
  if (std::optional<int64_t> distance = distanceOf(places); distance && *distance % bytes == 0) {
    auto all = RefAttr::get(
        builder.getContext(), places.front().getRegion(), places.front().getOffset(),
        places.back().getOffset() + places.back().getBytes() - places.front().getOffset());
    return emit(all, 0, groups, *distance / bytes);
  }
  for (int64_t group = 0; group < groups; ++group)
    emit(places[group], group, 1, 0);
}

void mlir::plan::emitGroupedWeightGrad(OpBuilder &builder, hydra::GroupedWeightGradOp op,
                                       const StorageAssignment &storage, StringRef scope) {
  const hydra::MatmulLibrary &library = hydra::cpuMatmulLibrary();
  auto group = static_cast<int64_t>(op.getGroup());
  MatmulShape shape = matmulShape(op);
  Tile tile = chooseTile(shape, library);
  auto element = [](Value value) { return typeOf(value).getElementType(); };
  MatmulOp::create(builder, op.getLoc(), storage.placeOf(op.getA()), storage.placeOf(op.getB()),
                   storage.placeOf(op.getResult()), shape.m, shape.n, shape.k, shape.lda, shape.ldb,
                   shape.ldc, /*transpose_a=*/true, /*transpose_b=*/false,
                   op.getAccumulator() != nullptr, tile.m, tile.n, /*rows=*/RefAttr(),
                   /*rows_bound_k=*/true, element(op.getA()), element(op.getB()),
                   element(op.getResult()), /*groups=*/1, /*group_a=*/0, /*group_b=*/0,
                   /*group_c=*/0, offsetsOf(storage.placeOf(op.getOffsets()), group, group + 1),
                   library.contractionSlice, MatrixLayout::plain, scope);
}
