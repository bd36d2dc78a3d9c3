// Kind `rows`, elementwise part: unary, binary, select, cast, broadcast, reduce over the last axis,
// split, concat, head_mix, swiglu and its gradient. One item is kRowTile rows of the first result.
//
// In place: unary, binary, select and cast read all operands of a vector before they write it, so a
// result may take the place of any operand of the same shape. The others may not.
#include "compiler/codegen/ValueBodies.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

using ValueBody = llvm::function_ref<Value(ArrayRef<Value>)>;

// How an operand that broadcasts is read: whole rows, one value per row, or one value.
struct BroadcastOperand {
  Value tensor;
  Type element;
  SmallVector<int64_t> shape; // padded with ones to the result's rank
  bool same = false;          // the result's shape
  bool single = false;        // one element
};

BroadcastOperand describe(Value tensor, ArrayRef<int64_t> result) {
  RankedTensorType type = tensorType(tensor);
  BroadcastOperand operand{tensor, type.getElementType(), {}, false, false};
  operand.shape.assign(result.size() - type.getRank(), 1);
  operand.shape.append(type.getShape().begin(), type.getShape().end());
  operand.same = ArrayRef<int64_t>(operand.shape) == result;
  operand.single = type.getNumElements() == 1;
  return operand;
}

// Which row of `operand` belongs to row `row` of a result of shape `result`.
Value operandRow(KernelEmitter &e, const BroadcastOperand &operand, ArrayRef<int64_t> result,
                 Value row) {
  ArrayRef<int64_t> from = ArrayRef<int64_t>(operand.shape).drop_back(), to = result.drop_back();
  if (from == to)
    return row;
  Value position = e.index(0);
  int64_t stride = 1, resultStride = 1;
  for (int64_t axis = static_cast<int64_t>(to.size()) - 1; axis >= 0; --axis) {
    if (from[axis] != 1) {
      Value coordinate = e.rem(e.div(row, resultStride), to[axis]);
      position = e.add(position, e.mul(coordinate, stride));
    }
    stride *= from[axis];
    resultStride *= to[axis];
  }
  return position;
}

// result = body(operands) elementwise with broadcasting.
void emitElementwise(KernelEmitter &e, Value result, ValueRange tensors, Value rowsOperand,
                     ValueBody body) {
  ArrayRef<int64_t> shape = tensorType(result).getShape();
  Matrix matrix = matrixOf(result);
  SmallVector<BroadcastOperand> operands;
  SmallVector<Value> singles;
  for (Value tensor : tensors) {
    operands.push_back(describe(tensor, shape));
    bool hoist = operands.back().single && !operands.back().same;
    singles.push_back(
        hoist ? e.splat(e.loadScalar(operands.back().element, e.pointer(tensor), e.index(0)))
              : Value());
  }
  Value target = e.pointer(result);
  bool flat = llvm::all_of(operands, [](auto &operand) { return operand.same || operand.single; });
  if (flat) {
    auto [first, last] = e.rowRange(matrix.rows, rowsOperand);
    e.columns(e.mul(first, matrix.columns), e.mul(last, matrix.columns),
              [&](Value position, Value mask) {
                SmallVector<Value> values;
                for (auto [operand, single] : llvm::zip(operands, singles))
                  values.push_back(
                      single ? single
                             : e.load(e.pointer(operand.tensor), position, mask, operand.element));
                e.store(body(values), target, position, mask);
              });
    return;
  }
  e.rows(matrix.rows, rowsOperand, [&](Value row) {
    SmallVector<Value> starts, repeated = singles;
    for (auto [operand, value] : llvm::zip(operands, repeated)) {
      Value from = operandRow(e, operand, shape, row);
      starts.push_back(e.mul(from, operand.shape.back()));
      if (!value && operand.shape.back() == 1 && matrix.columns != 1)
        value = e.splat(e.loadScalar(operand.element, e.pointer(operand.tensor), starts.back()));
    }
    Value targetStart = e.mul(row, matrix.columns);
    e.columns(matrix.columns, [&](Value column, Value mask) {
      SmallVector<Value> values;
      for (auto [operand, value, start] : llvm::zip(operands, repeated, starts))
        values.push_back(
            value ? value
                  : e.load(e.pointer(operand.tensor), e.add(start, column), mask, operand.element));
      e.store(body(values), target, e.add(targetStart, column), mask);
    });
  });
}

LogicalResult emitUnary(UnaryOp op, KernelEmitter &e) {
  emitElementwise(e, op.getResult(), op.getX(), op.getRows(),
                  [&](ArrayRef<Value> v) { return unaryBody(e, op.getKind(), v[0]); });
  return success();
}
LogicalResult emitBinary(BinaryOp op, KernelEmitter &e) {
  emitElementwise(e, op.getResult(), {op.getA(), op.getB()}, op.getRows(),
                  [&](ArrayRef<Value> v) { return binaryBody(e, op.getKind(), v[0], v[1]); });
  return success();
}
LogicalResult emitSelect(SelectOp op, KernelEmitter &e) {
  emitElementwise(e, op.getResult(), {op.getMask(), op.getA(), op.getB()}, op.getRows(),
                  [&](ArrayRef<Value> v) { return e.select(isNotZero(e, v[0]), v[1], v[2]); });
  return success();
}
LogicalResult emitCast(CastOp op, KernelEmitter &e) {
  emitElementwise(e, op.getResult(), op.getX(), op.getRows(),
                  [&](ArrayRef<Value> v) { return castBody(e, v[0], op.getElementType()); });
  return success();
}
LogicalResult emitBroadcast(BroadcastOp op, KernelEmitter &e) {
  emitElementwise(e, op.getResult(), op.getX(), op.getRows(),
                  [&](ArrayRef<Value> v) { return v[0]; });
  return success();
}

LogicalResult emitSplit(SplitOp op, KernelEmitter &e) {
  Matrix matrix = matrixOf(op.getX());
  Type element = tensorType(op.getX()).getElementType();
  e.rows(matrix.rows, op.getRows(), [&](Value row) {
    Value from = e.mul(row, matrix.columns);
    int64_t column = 0;
    for (auto [result, size] : llvm::zip(op.getResults(), op.getSizes())) {
      e.copy(e.pointer(op.getX()), e.add(from, column), e.pointer(result), e.mul(row, size), size,
             element);
      column += size;
    }
  });
  return success();
}
LogicalResult emitConcat(ConcatOp op, KernelEmitter &e) {
  Matrix matrix = matrixOf(op.getResult());
  Type element = tensorType(op.getResult()).getElementType();
  e.rows(matrix.rows, op.getRows(), [&](Value row) {
    Value to = e.mul(row, matrix.columns);
    int64_t column = 0;
    for (Value input : op.getInputs()) {
      int64_t size = matrixOf(input).columns;
      e.copy(e.pointer(input), e.mul(row, size), e.pointer(op.getResult()), e.add(to, column), size,
             element);
      column += size;
    }
  });
  return success();
}

// silu(gate) * up
LogicalResult emitSwiglu(SwigluOp op, KernelEmitter &e) {
  Matrix matrix = matrixOf(op.getResult());
  Value x = e.pointer(op.getX());
  e.rows(matrix.rows, op.getRows(), [&](Value row) {
    Value to = e.mul(row, matrix.columns), from = e.mul(row, 2 * matrix.columns);
    e.columns(matrix.columns, [&](Value column, Value mask) {
      Value gate = e.load(x, e.add(from, column), mask);
      Value up = e.load(x, e.add(e.add(from, column), matrix.columns), mask);
      Value value = e.mulf(e.mulf(gate, sigmoidBody(e, gate)), up);
      e.store(value, e.pointer(op.getResult()), e.add(to, column), mask);
    });
  });
  return success();
}
// With s = sigmoid(gate): dgate = dy up s (1 + gate (1 - s)), dup = dy gate s.
LogicalResult emitSwigluGrad(SwigluGradOp op, KernelEmitter &e) {
  Matrix matrix = matrixOf(op.getDy());
  Value x = e.pointer(op.getX()), result = e.pointer(op.getResult());
  e.rows(matrix.rows, op.getRows(), [&](Value row) {
    Value small = e.mul(row, matrix.columns), wide = e.mul(row, 2 * matrix.columns);
    e.columns(matrix.columns, [&](Value column, Value mask) {
      Value gateAt = e.add(wide, column), upAt = e.add(gateAt, matrix.columns);
      Value gate = e.load(x, gateAt, mask), up = e.load(x, upAt, mask);
      Value dy = e.load(e.pointer(op.getDy()), e.add(small, column), mask);
      Value s = sigmoidBody(e, gate), one = e.splat(1.0);
      Value slope = e.mulf(s, e.fma(gate, e.subf(one, s), one));
      e.store(e.mulf(e.mulf(dy, up), slope), result, gateAt, mask);
      e.store(e.mulf(dy, e.mulf(gate, s)), result, upAt, mask);
    });
  });
  return success();
}

LogicalResult emitHeadMix(HeadMixOp op, KernelEmitter &e) {
  Matrix from = matrixOf(op.getX()), to = matrixOf(op.getResult());
  int64_t fromHeads = op.getFromHeads(), toHeads = op.getToHeads();
  int64_t width = from.columns / fromHeads;
  Value factor = e.divf(e.scalar(op, "scale"), e.real(static_cast<double>(fromHeads)));
  Value x = e.pointer(op.getX()), result = e.pointer(op.getResult());
  e.rows(to.rows, op.getRows(), [&](Value row) {
    Value source = e.mul(row, from.columns), target = e.mul(row, to.columns);
    e.columns(width, [&](Value column, Value mask) {
      Value sum = e.load(x, e.add(source, column), mask);
      for (int64_t head = 1; head < fromHeads; ++head)
        sum = e.addf(sum, e.load(x, e.add(e.add(source, column), head * width), mask));
      sum = e.mulf(sum, e.splat(factor));
      for (int64_t head = 0; head < toHeads; ++head)
        e.store(sum, result, e.add(e.add(target, column), head * width), mask);
    });
  });
  return success();
}

} // namespace

void hydra::attachRowKernels(MLIRContext *context) {
  attachKernel<UnaryOp, emitUnary>(context);
  attachKernel<BinaryOp, emitBinary>(context);
  attachKernel<SelectOp, emitSelect>(context);
  attachKernel<CastOp, emitCast>(context);
  attachKernel<BroadcastOp, emitBroadcast>(context);
  attachKernel<SplitOp, emitSplit>(context);
  attachKernel<ConcatOp, emitConcat>(context);
  attachKernel<SwigluOp, emitSwiglu>(context);
  attachKernel<SwigluGradOp, emitSwigluGrad>(context);
  attachKernel<HeadMixOp, emitHeadMix>(context);
}
