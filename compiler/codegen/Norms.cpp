// Kind `rows`, norms and rotations: rms_norm, l2_norm, their gradients, rope. One item is kRowTile
// rows.
//
// In place: every row (head vector) is read to its end before its first element is written, and a
// vector is read before it is written; so rms_norm and l2_norm may overwrite x, their gradients dy
// or x, and rope x.
#include "compiler/codegen/ValueBodies.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

LogicalResult emitRmsNorm(RmsNormOp op, KernelEmitter &e) {
  Matrix matrix = matrixOf(op.getX());
  Value eps = e.scalar(op, "eps");
  Value x = e.pointer(op.getX()), weight = e.pointer(op.getWeight());
  e.rows(matrix.rows, op.getRows(), [&](Value row) {
    Value start = e.mul(row, matrix.columns);
    Value r = e.splat(inverseRms(e, x, start, matrix.columns, eps));
    e.columns(matrix.columns, [&](Value column, Value mask) {
      Value value = e.mulf(e.load(x, e.add(start, column), mask), r);
      value = e.mulf(value, e.load(weight, column, mask));
      e.store(value, e.pointer(op.getResult()), e.add(start, column), mask);
    });
  });
  return success();
}

// dx = r g - x r^3 mean(g x), g = dy * weight
LogicalResult emitRmsNormGrad(RmsNormGradOp op, KernelEmitter &e) {
  Matrix matrix = matrixOf(op.getX());
  Value eps = e.scalar(op, "eps"), width = e.real(static_cast<double>(matrix.columns));
  Value x = e.pointer(op.getX()), dy = e.pointer(op.getDy()), weight = e.pointer(op.getWeight());
  e.rows(matrix.rows, op.getRows(), [&](Value row) {
    Value start = e.mul(row, matrix.columns);
    SmallVector<Value> sums = e.foldColumns(
        matrix.columns, {e.splat(0.0), e.splat(0.0)},
        [&](Value column, Value mask, ValueRange carried) {
          Value value = e.load(x, e.add(start, column), mask);
          Value g = e.mulf(e.load(dy, e.add(start, column), mask), e.load(weight, column, mask));
          return SmallVector<Value>{e.fma(value, value, carried[0]), e.fma(g, value, carried[1])};
        });
    Value mean = e.divf(e.treeSum(sums[0]), width);
    Value r = e.divf(e.real(1.0), e.sqrt(e.addf(mean, eps)));
    Value projection = e.mulf(e.divf(e.treeSum(sums[1]), width), e.mulf(r, r));
    Value rs = e.splat(r), minus = e.splat(arith::NegFOp::create(e.b, projection));
    e.columns(matrix.columns, [&](Value column, Value mask) {
      Value value = e.load(x, e.add(start, column), mask);
      Value g = e.mulf(e.load(dy, e.add(start, column), mask), e.load(weight, column, mask));
      e.store(e.mulf(rs, e.fma(value, minus, g)), e.pointer(op.getResult()), e.add(start, column),
              mask);
    });
  });
  return success();
}

// body(start of the head vector) for every head of every row of this call.
void headLoop(KernelEmitter &e, Matrix matrix, int64_t heads, Value rowsOperand,
              llvm::function_ref<void(Value)> body) {
  auto [first, last] = e.rowRange(matrix.rows, rowsOperand);
  e.loop(e.mul(first, heads), e.mul(last, heads), 1,
         [&](Value head) { body(e.mul(head, matrix.columns / heads)); });
}

LogicalResult emitL2Norm(L2NormOp op, KernelEmitter &e) {
  Matrix matrix = matrixOf(op.getX());
  int64_t heads = op.getHeads(), width = matrix.columns / heads;
  Value eps = e.scalar(op, "eps"), x = e.pointer(op.getX());
  headLoop(e, matrix, heads, op.getRows(), [&](Value start) {
    Value sum =
        e.foldColumns(width, e.splat(0.0), [&](Value column, Value mask, ValueRange carried) {
          Value value = e.load(x, e.add(start, column), mask);
          return SmallVector<Value>{e.fma(value, value, carried[0])};
        })[0];
    Value norm = e.splat(e.maxf(e.sqrt(e.treeSum(sum)), eps));
    e.columns(width, [&](Value column, Value mask) {
      Value value = e.divf(e.load(x, e.add(start, column), mask), norm);
      e.store(value, e.pointer(op.getResult()), e.add(start, column), mask);
    });
  });
  return success();
}

// dx = (dy - y (y . dy)) / n where n > eps, dy / eps elsewhere
LogicalResult emitL2NormGrad(L2NormGradOp op, KernelEmitter &e) {
  Matrix matrix = matrixOf(op.getX());
  int64_t heads = op.getHeads(), width = matrix.columns / heads;
  Value eps = e.scalar(op, "eps"), x = e.pointer(op.getX()), dy = e.pointer(op.getDy());
  headLoop(e, matrix, heads, op.getRows(), [&](Value start) {
    SmallVector<Value> sums = e.foldColumns(
        width, {e.splat(0.0), e.splat(0.0)}, [&](Value column, Value mask, ValueRange carried) {
          Value value = e.load(x, e.add(start, column), mask);
          Value d = e.load(dy, e.add(start, column), mask);
          return SmallVector<Value>{e.fma(value, value, carried[0]), e.fma(value, d, carried[1])};
        });
    Value norm = e.sqrt(e.treeSum(sums[0]));
    Value large = arith::CmpFOp::create(e.b, arith::CmpFPredicate::OGT, norm, eps);
    Value divisor = e.select(large, norm, eps);
    // (y . dy) / n with y = x / n, as a factor of x.
    Value factor = e.divf(e.divf(e.treeSum(sums[1]), divisor), divisor);
    Value minus = e.splat(e.select(large, arith::NegFOp::create(e.b, factor), e.real(0.0)));
    Value divisors = e.splat(divisor);
    e.columns(width, [&](Value column, Value mask) {
      Value value = e.load(x, e.add(start, column), mask);
      Value d = e.load(dy, e.add(start, column), mask);
      e.store(e.divf(e.fma(value, minus, d), divisors), e.pointer(op.getResult()),
              e.add(start, column), mask);
    });
  });
  return success();
}

// Neighbouring pairs rotate inside one vector: y = x cos + swap(x) (-sin, sin).
LogicalResult emitRope(RopeOp op, KernelEmitter &e) {
  Matrix matrix = matrixOf(op.getX()), table = matrixOf(op.getTable());
  int64_t sequence = tensorType(op.getX()).getShape()[1];
  int64_t width = table.columns, heads = matrix.columns / width;
  Value position = e.scalarOperand(op.getPosition(), 0);
  Value x = e.pointer(op.getX());
  SmallVector<int64_t> even, odd, swap;
  SmallVector<float> signs;
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    even.push_back(lane & ~1);
    odd.push_back(lane | 1);
    swap.push_back(lane ^ 1);
    signs.push_back(((lane & 1) == 0) != op.getInverse() ? -1.0f : 1.0f);
  }
  Value sign = arith::ConstantOp::create(
      e.b, cast<TypedAttr>(DenseElementsAttr::get(e.vector(e.f32()), ArrayRef<float>(signs))));
  e.rows(matrix.rows, Value(), [&](Value row) {
    Value tableRow = e.add(position, e.rem(row, sequence));
    tableRow = e.max(e.min(tableRow, e.index(table.rows - 1)), e.index(0));
    Value tableStart = e.mul(tableRow, width);
    e.loop(e.index(0), e.index(heads), 1, [&](Value head) {
      Value start = e.add(e.mul(row, matrix.columns), e.mul(head, width));
      e.columns(width, [&](Value column, Value mask) {
        Value value = e.load(x, e.add(start, column), mask);
        Value angles = e.load(e.pointer(op.getTable()), e.add(tableStart, column), mask);
        Value sine = e.mulf(e.shuffle(angles, angles, odd), sign);
        Value turned = e.mulf(e.shuffle(value, value, swap), sine);
        Value result = e.fma(value, e.shuffle(angles, angles, even), turned);
        e.store(result, e.pointer(op.getResult()), e.add(start, column), mask);
      });
    });
  });
  return success();
}

} // namespace

void hydra::attachNormKernels(MLIRContext *context) {
  attachKernel<RmsNormOp, emitRmsNorm>(context);
  attachKernel<RmsNormGradOp, emitRmsNormGrad>(context);
  attachKernel<L2NormOp, emitL2Norm>(context);
  attachKernel<L2NormGradOp, emitL2NormGrad>(context);
  attachKernel<RopeOp, emitRope>(context);
}
