// Interpretation of the ops that work on one row at a time (HydraRowOps.td).
#include "compiler/interpreter/Interpretation.h"
#include "compiler/interpreter/ParallelFor.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace mlir::hydra;

// Fills the result of `op` row by row: body(row) computes one of the defined rows.
template <typename OpT, typename Body>
static LogicalResult setByRows(OpT op, InterpreterFrame &frame, TensorValue result, Body body) {
  int64_t rows = frame.rowCount(op.getRows(), result.rows());
  parallelFor(rows, 64, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      body(row, result.row(row));
  });
  result.poisonRows(rows);
  frame.set(op->getResult(0), std::move(result));
  return success();
}

static double dot(const double *a, const double *b, int64_t count) {
  double sum = 0.0;
  for (int64_t i = 0; i < count; ++i)
    sum += a[i] * b[i];
  return sum;
}

// 1 / sqrt(mean(x^2) + eps)
static double inverseRms(const double *x, int64_t count, double eps) {
  return 1.0 / std::sqrt(dot(x, x, count) / static_cast<double>(count) + eps);
}

static LogicalResult interpretRmsNorm(RmsNormOp op, InterpreterFrame &frame) {
  const TensorValue &x = frame.get(op.getX()), &weight = frame.get(op.getWeight());
  double eps = op.getEps().convertToDouble();
  int64_t columns = x.columns();
  return setByRows(op, frame, frame.zerosLike(op.getResult()), [&](int64_t row, double *out) {
    double r = inverseRms(x.row(row), columns, eps);
    for (int64_t j = 0; j < columns; ++j)
      out[j] = x.row(row)[j] * r * weight[j];
  });
}

static LogicalResult interpretRmsNormGrad(RmsNormGradOp op, InterpreterFrame &frame) {
  const TensorValue &dy = frame.get(op.getDy()), &x = frame.get(op.getX()),
                    &weight = frame.get(op.getWeight());
  double eps = op.getEps().convertToDouble();
  int64_t columns = x.columns();
  return setByRows(op, frame, frame.zerosLike(op.getResult()), [&](int64_t row, double *out) {
    const double *in = x.row(row), *upstream = dy.row(row);
    double r = inverseRms(in, columns, eps), mean = 0.0;
    for (int64_t j = 0; j < columns; ++j)
      mean += upstream[j] * weight[j] * in[j];
    mean /= static_cast<double>(columns);
    for (int64_t j = 0; j < columns; ++j)
      out[j] = r * upstream[j] * weight[j] - in[j] * r * r * r * mean;
  });
}

static LogicalResult interpretRmsNormWeightGrad(RmsNormWeightGradOp op, InterpreterFrame &frame) {
  const TensorValue &dy = frame.get(op.getDy()), &x = frame.get(op.getX());
  double eps = op.getEps().convertToDouble();
  int64_t rows = frame.rowCount(op.getRows(), x.rows()), columns = x.columns();
  TensorValue result = frame.zerosLike(op.getResult());
  for (int64_t row = 0; row < rows; ++row) {
    double r = inverseRms(x.row(row), columns, eps);
    for (int64_t j = 0; j < columns; ++j)
      result[j] += dy.row(row)[j] * x.row(row)[j] * r;
  }
  frame.set(op.getResult(), std::move(result));
  return success();
}

static LogicalResult interpretL2Norm(L2NormOp op, InterpreterFrame &frame) {
  const TensorValue &x = frame.get(op.getX());
  double eps = op.getEps().convertToDouble();
  int64_t heads = op.getHeads(), width = x.columns() / heads;
  return setByRows(op, frame, frame.zerosLike(op.getResult()), [&](int64_t row, double *out) {
    for (int64_t h = 0; h < heads; ++h) {
      const double *in = x.row(row) + h * width;
      double norm = std::max(std::sqrt(dot(in, in, width)), eps);
      for (int64_t j = 0; j < width; ++j)
        out[h * width + j] = in[j] / norm;
    }
  });
}

static LogicalResult interpretL2NormGrad(L2NormGradOp op, InterpreterFrame &frame) {
  const TensorValue &dy = frame.get(op.getDy()), &x = frame.get(op.getX());
  double eps = op.getEps().convertToDouble();
  int64_t heads = op.getHeads(), width = x.columns() / heads;
  return setByRows(op, frame, frame.zerosLike(op.getResult()), [&](int64_t row, double *out) {
    for (int64_t h = 0; h < heads; ++h) {
      const double *in = x.row(row) + h * width, *upstream = dy.row(row) + h * width;
      double norm = std::sqrt(dot(in, in, width));
      double along = norm > eps ? dot(in, upstream, width) / (norm * norm) : 0.0;
      for (int64_t j = 0; j < width; ++j)
        out[h * width + j] = (upstream[j] - in[j] * along) / std::max(norm, eps);
    }
  });
}

static double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

static LogicalResult interpretSwiglu(SwigluOp op, InterpreterFrame &frame) {
  const TensorValue &x = frame.get(op.getX());
  int64_t width = x.columns() / 2;
  return setByRows(op, frame, frame.zerosLike(op.getResult()), [&](int64_t row, double *out) {
    const double *gate = x.row(row), *up = gate + width;
    for (int64_t j = 0; j < width; ++j)
      out[j] = gate[j] * sigmoid(gate[j]) * up[j];
  });
}

static LogicalResult interpretSwigluGrad(SwigluGradOp op, InterpreterFrame &frame) {
  const TensorValue &dy = frame.get(op.getDy()), &x = frame.get(op.getX());
  int64_t width = dy.columns();
  return setByRows(op, frame, frame.zerosLike(op.getResult()), [&](int64_t row, double *out) {
    const double *gate = x.row(row), *up = gate + width, *upstream = dy.row(row);
    for (int64_t j = 0; j < width; ++j) {
      double s = sigmoid(gate[j]);
      out[j] = upstream[j] * up[j] * s * (1.0 + gate[j] * (1.0 - s));
      out[width + j] = upstream[j] * gate[j] * s;
    }
  });
}

static LogicalResult interpretHeadMix(HeadMixOp op, InterpreterFrame &frame) {
  const TensorValue &x = frame.get(op.getX());
  int64_t from = op.getFromHeads(), to = op.getToHeads(), width = x.columns() / from;
  double factor = op.getScale().convertToDouble() / static_cast<double>(from);
  return setByRows(op, frame, frame.zerosLike(op.getResult()), [&](int64_t row, double *out) {
    for (int64_t j = 0; j < width; ++j) {
      double sum = 0.0;
      for (int64_t h = 0; h < from; ++h)
        sum += x.row(row)[h * width + j];
      for (int64_t h = 0; h < to; ++h)
        out[h * width + j] = factor * sum;
    }
  });
}

static LogicalResult interpretRope(RopeOp op, InterpreterFrame &frame) {
  const TensorValue &x = frame.get(op.getX()), &table = frame.get(op.getTable());
  TensorValue result = frame.zerosLike(op.getResult());
  int64_t length = x.shape()[1], width = table.columns();
  double direction = op.getInverse() ? -1.0 : 1.0;
  for (int64_t row = 0; row < x.rows(); ++row) {
    int64_t position = frame.integer(op.getPosition(), 0, row / length);
    const double *angles =
        table.row(std::clamp<int64_t>(position + row % length, 0, table.rows() - 1));
    for (int64_t j = 0; j < x.columns(); j += 2) {
      double cosine = angles[j % width], sine = direction * angles[j % width + 1];
      double even = x.row(row)[j], odd = x.row(row)[j + 1];
      result.row(row)[j] = even * cosine - odd * sine;
      result.row(row)[j + 1] = even * sine + odd * cosine;
    }
  }
  frame.set(op.getResult(), std::move(result));
  return success();
}

void mlir::hydra::attachRowInterpretation(MLIRContext *context) {
  attachInterpretation<RmsNormOp, interpretRmsNorm>(context);
  attachInterpretation<RmsNormGradOp, interpretRmsNormGrad>(context);
  attachInterpretation<RmsNormWeightGradOp, interpretRmsNormWeightGrad>(context);
  attachInterpretation<L2NormOp, interpretL2Norm>(context);
  attachInterpretation<L2NormGradOp, interpretL2NormGrad>(context);
  attachInterpretation<SwigluOp, interpretSwiglu>(context);
  attachInterpretation<SwigluGradOp, interpretSwigluGrad>(context);
  attachInterpretation<HeadMixOp, interpretHeadMix>(context);
  attachInterpretation<RopeOp, interpretRope>(context);
}
