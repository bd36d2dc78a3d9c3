// Interpretation of elementwise ops, reductions and constants (HydraElementwiseOps.td).
#include "compiler/interpreter/Broadcast.h"
#include "compiler/interpreter/Interpretation.h"
#include "compiler/interpreter/ParallelFor.h"
#include "dialects/hydra/RopeTable.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::hydra;

// Elements per thread at least.
static constexpr int64_t kGrain = 1 << 14;

// Runs `body(row)` for the first `rows` rows in parallel.
template <typename Body> static void forRows(int64_t rows, int64_t columns, Body body) {
  parallelFor(rows, kGrain / std::max<int64_t>(1, columns) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      body(row);
  });
}

static LogicalResult interpretConstant(ConstantOp op, InterpreterFrame &frame) {
  auto elements = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!elements)
    return op.emitOpError("cannot be interpreted: expected dense elements, found ")
           << op.getValue();
  TensorValue result = frame.zerosLike(op.getResult());
  int64_t i = 0;
  if (result.kind() == ElementKind::i32) {
    for (const APInt &value : elements.getValues<APInt>())
      result[i++] = static_cast<double>(value.getSExtValue());
  } else {
    for (APFloat value : elements.getValues<APFloat>()) {
      bool losesInfo;
      value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &losesInfo);
      result[i++] = value.convertToDouble();
    }
  }
  frame.set(op.getResult(), std::move(result));
  return success();
}

static LogicalResult interpretRopeTable(RopeTableOp op, InterpreterFrame &frame) {
  TensorValue result = frame.zerosLike(op.getResult());
  std::vector<float> table =
      ropeTable(op.getPositions(), op.getHeadDim(), op.getTheta().convertToDouble());
  std::copy(table.begin(), table.end(), result.data());
  frame.set(op.getResult(), std::move(result));
  return success();
}

static double evaluate(UnaryKind kind, double x) {
  switch (kind) {
  case UnaryKind::neg:
    return -x;
  case UnaryKind::exp:
    return std::exp(x);
  case UnaryKind::log:
    return std::log(x);
  case UnaryKind::tanh:
    return std::tanh(x);
  case UnaryKind::sigmoid:
    return 1.0 / (1.0 + std::exp(-x));
  case UnaryKind::sqrt:
    return std::sqrt(x);
  case UnaryKind::rsqrt:
    return 1.0 / std::sqrt(x);
  case UnaryKind::square:
    return x * x;
  case UnaryKind::reciprocal:
    return 1.0 / x;
  case UnaryKind::round:
    return std::nearbyint(x); // ties to even in the default rounding mode
  case UnaryKind::silu:
    return x / (1.0 + std::exp(-x));
  case UnaryKind::gelu: {
    const double factor = std::sqrt(2.0 / 3.14159265358979323846);
    return 0.5 * x * (1.0 + std::tanh(factor * (x + 0.044715 * x * x * x)));
  }
  }
  llvm_unreachable("every kind is listed");
}

static LogicalResult interpretUnary(UnaryOp op, InterpreterFrame &frame) {
  const TensorValue &x = frame.get(op.getX());
  TensorValue result = frame.zerosLike(op.getResult());
  int64_t rows = frame.rowCount(op.getRows(), x.rows()), columns = x.columns();
  UnaryKind kind = op.getKind();
  forRows(rows, columns, [&](int64_t row) {
    for (int64_t j = 0; j < columns; ++j)
      result.row(row)[j] = evaluate(kind, x.row(row)[j]);
  });
  result.poisonRows(rows);
  frame.set(op.getResult(), std::move(result));
  return success();
}

// max and min return NaN if either operand is NaN.
static double evaluate(BinaryKind kind, double a, double b) {
  switch (kind) {
  case BinaryKind::add:
    return a + b;
  case BinaryKind::sub:
    return a - b;
  case BinaryKind::mul:
    return a * b;
  case BinaryKind::div:
    return a / b;
  case BinaryKind::max:
    return a >= b || std::isnan(a) ? a : b;
  case BinaryKind::min:
    return a <= b || std::isnan(a) ? a : b;
  case BinaryKind::ge:
    return a >= b ? 1.0 : 0.0;
  case BinaryKind::gt:
    return a > b ? 1.0 : 0.0;
  case BinaryKind::eq:
    return a == b ? 1.0 : 0.0;
  }
  llvm_unreachable("every kind is listed");
}

// Two's complement arithmetic that wraps; division truncates and its divisor is not zero.
static double evaluateInteger(BinaryKind kind, double a, double b) {
  if (std::isnan(a) || std::isnan(b))
    return std::numeric_limits<double>::quiet_NaN();
  int64_t left = static_cast<int64_t>(a), right = static_cast<int64_t>(b);
  switch (kind) {
  case BinaryKind::mul:
    return static_cast<int32_t>(static_cast<uint32_t>(left * right));
  case BinaryKind::div:
    return static_cast<int32_t>(static_cast<uint32_t>(left / right));
  default:
    return static_cast<int32_t>(static_cast<uint32_t>(static_cast<int64_t>(evaluate(kind, a, b))));
  }
}

static LogicalResult interpretBinary(BinaryOp op, InterpreterFrame &frame) {
  TensorValue result = frame.zerosLike(op.getResult());
  BroadcastReader a(frame.get(op.getA()), result.shape()), b(frame.get(op.getB()), result.shape());
  int64_t rows = frame.rowCount(op.getRows(), result.rows()), columns = result.columns();
  BinaryKind kind = op.getKind();
  bool integers = result.kind() == ElementKind::i32;
  if (integers && kind == BinaryKind::div) {
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t j = 0; j < columns; ++j)
        if (b.row(row)[j] == 0)
          return op.emitOpError("divides an integer by zero in row ") << row << ", column " << j;
  }
  forRows(rows, columns, [&](int64_t row) {
    BroadcastRow left = a.row(row), right = b.row(row);
    double *out = result.row(row);
    for (int64_t j = 0; j < columns; ++j)
      out[j] =
          integers ? evaluateInteger(kind, left[j], right[j]) : evaluate(kind, left[j], right[j]);
  });
  result.poisonRows(rows);
  frame.set(op.getResult(), std::move(result));
  return success();
}

static LogicalResult interpretSelect(SelectOp op, InterpreterFrame &frame) {
  const TensorValue &a = frame.get(op.getA()), &b = frame.get(op.getB());
  TensorValue result = frame.zerosLike(op.getResult());
  BroadcastReader mask(frame.get(op.getMask()), result.shape());
  int64_t rows = frame.rowCount(op.getRows(), result.rows()), columns = result.columns();
  forRows(rows, columns, [&](int64_t row) {
    BroadcastRow chosen = mask.row(row);
    for (int64_t j = 0; j < columns; ++j)
      result.row(row)[j] = chosen[j] != 0 ? a.row(row)[j] : b.row(row)[j];
  });
  result.poisonRows(rows);
  frame.set(op.getResult(), std::move(result));
  return success();
}

// Truncation towards zero that saturates; NaN becomes 0, as in the arith dialect's saturating
// lowering.
static double toInteger(double value) {
  if (std::isnan(value))
    return 0.0;
  return std::trunc(std::clamp(value, -2147483648.0, 2147483647.0));
}

static LogicalResult interpretCast(CastOp op, InterpreterFrame &frame) {
  const TensorValue &x = frame.get(op.getX());
  TensorValue result = frame.zerosLike(op.getResult());
  int64_t rows = frame.rowCount(op.getRows(), x.rows()), columns = x.columns();
  bool truncates = result.kind() == ElementKind::i32 && x.kind() != ElementKind::i32;
  for (int64_t i = 0; i < rows * columns; ++i)
    result[i] = truncates ? toInteger(x[i]) : x[i];
  result.poisonRows(rows);
  frame.set(op.getResult(), std::move(result));
  return success();
}

static LogicalResult interpretBroadcast(BroadcastOp op, InterpreterFrame &frame) {
  TensorValue result = frame.zerosLike(op.getResult());
  BroadcastReader x(frame.get(op.getX()), result.shape());
  int64_t rows = frame.rowCount(op.getRows(), result.rows()), columns = result.columns();
  forRows(rows, columns, [&](int64_t row) {
    BroadcastRow from = x.row(row);
    for (int64_t j = 0; j < columns; ++j)
      result.row(row)[j] = from[j];
  });
  result.poisonRows(rows);
  frame.set(op.getResult(), std::move(result));
  return success();
}

static void combine(ReduceKind kind, double &into, double value) {
  into = kind == ReduceKind::sum ? into + value : evaluate(BinaryKind::max, into, value);
}

// The reduction of nothing is 0 for a sum and -infinity for a maximum.
static LogicalResult interpretReduce(ReduceOp op, InterpreterFrame &frame) {
  const TensorValue &x = frame.get(op.getX());
  int64_t rows = frame.rowCount(op.getRows(), x.rows()), columns = x.columns();
  ReduceKind kind = op.getKind();
  TensorValue result = frame.zerosLike(op.getResult());
  if (kind == ReduceKind::max)
    std::fill(result.data(), result.data() + result.size(),
              -std::numeric_limits<double>::infinity());
  switch (op.getAxes()) {
  case ReduceAxes::last:
    forRows(rows, columns, [&](int64_t row) {
      for (int64_t j = 0; j < columns; ++j)
        combine(kind, result[row], x.row(row)[j]);
    });
    result.poisonRows(rows);
    break;
  case ReduceAxes::leading:
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t j = 0; j < columns; ++j)
        combine(kind, result[j], x.row(row)[j]);
    break;
  case ReduceAxes::all:
    for (int64_t i = 0; i < rows * columns; ++i)
      combine(kind, result[0], x[i]);
    break;
  }
  frame.set(op.getResult(), std::move(result));
  return success();
}

void mlir::hydra::attachElementwiseInterpretation(MLIRContext *context) {
  attachInterpretation<ConstantOp, interpretConstant>(context);
  attachInterpretation<RopeTableOp, interpretRopeTable>(context);
  attachInterpretation<UnaryOp, interpretUnary>(context);
  attachInterpretation<BinaryOp, interpretBinary>(context);
  attachInterpretation<SelectOp, interpretSelect>(context);
  attachInterpretation<CastOp, interpretCast>(context);
  attachInterpretation<BroadcastOp, interpretBroadcast>(context);
  attachInterpretation<ReduceOp, interpretReduce>(context);
}
