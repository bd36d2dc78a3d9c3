// Interpretation of hydra.ccgqa, step by step as in model.md 4.
#include "compiler/interpreter/DenseAttention.h"
#include "compiler/interpreter/Interpretation.h"
#include "compiler/interpreter/MatrixProduct.h"
#include "compiler/interpreter/ModelState.h"
#include "dialects/hydra/RopeTable.h"

#include <algorithm>
#include <cmath>
#include <vector>

using namespace mlir;
using namespace mlir::hydra;

namespace {

constexpr double kRopeTheta = 10000.0, kNormEps = 1e-12;

// y[t, o] = sum over m, a of filter[o, a, m] x[t - (w-1) + m, group(o) in/groups + a], zero before
// t = 0.
TensorValue convolve(const TensorValue &x, const TensorValue &filter, int64_t groups) {
  int64_t batch = x.shape()[0], length = x.shape()[1], taps = filter.shape()[2];
  int64_t inputs = x.columns() / groups, outputs = filter.shape()[0] / groups;
  TensorValue result(x.kind(), {batch, length, filter.shape()[0]});
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t g = 0; g < groups; ++g)
      for (int64_t m = 0; m < taps; ++m) {
        int64_t delay = taps - 1 - m;
        if (delay >= length)
          continue;
        MatrixView past{x.row(b * length) + g * inputs, x.columns(), 1};
        MatrixView tap{filter.data() + g * outputs * inputs * taps + m, taps, inputs * taps};
        addMatrixProduct(length - delay, outputs, inputs, past, tap,
                         result.row(b * length + delay) + g * outputs, result.columns());
      }
  return result;
}

// Channels kvWidth/2 .. kvWidth-1 are delayed by one position.
void shiftValues(TensorValue &v, int64_t length) {
  int64_t half = v.columns() / 2;
  for (int64_t row = v.rows() - 1; row >= 0; --row)
    for (int64_t c = half; c < v.columns(); ++c)
      v.row(row)[c] = row % length == 0 ? 0.0 : v.row(row - 1)[c];
}

// to[head] += mean over the heads of `from`, halved.
void addHalfHeadMean(TensorValue &to, const TensorValue &from, int64_t headWidth) {
  int64_t fromHeads = from.columns() / headWidth;
  for (int64_t row = 0; row < to.rows(); ++row)
    for (int64_t c = 0; c < to.columns(); ++c) {
      double sum = 0.0;
      for (int64_t h = 0; h < fromHeads; ++h)
        sum += from.row(row)[h * headWidth + c % headWidth];
      to.row(row)[c] += sum / static_cast<double>(fromHeads) / 2.0;
    }
}

void normaliseHeads(TensorValue &x, int64_t headWidth, double factor) {
  for (double *head = x.data(); head != x.data() + x.size(); head += headWidth) {
    double sum = 0.0;
    for (int64_t c = 0; c < headWidth; ++c)
      sum += head[c] * head[c];
    double norm = std::max(std::sqrt(sum), kNormEps);
    for (int64_t c = 0; c < headWidth; ++c)
      head[c] = head[c] / norm * factor;
  }
}

} // namespace

// conv2(conv1(x)), conv1 grouped by head; null if a filter is missing.
static LogicalResult convolveTwice(CcgqaOp op, const ModelState &state, const std::string &name,
                                   TensorValue &x, int64_t heads) {
  int64_t width = x.columns(), taps = op.getConvKernelSize();
  const TensorValue *first =
      state.parameter(op, name + ".conv1.weight", {width, width / heads, taps});
  const TensorValue *second = state.parameter(op, name + ".conv2.weight", {width, width, taps});
  if (!first || !second)
    return failure();
  x = convolve(convolve(x, *first, heads), *second, 1);
  return success();
}

static LogicalResult interpretCcgqa(CcgqaOp op, InterpreterFrame &frame) {
  ModelState *state = requireState(op, frame);
  if (!state)
    return failure();
  const TensorValue &x = frame.get(op.getX());
  int64_t width = x.columns(), latent = width / static_cast<int64_t>(op.getCompression());
  int64_t heads = op.getHeads(), kvHeads = op.getKvHeads(), headWidth = latent / heads;
  AttentionHeads sizes{x.shape()[0], x.shape()[1], heads, kvHeads, headWidth};
  int64_t kvWidth = kvHeads * headWidth;
  std::string name = op.getName().str();
  const TensorValue *projection =
      state->parameter(op, name + ".qkv_proj.weight", {latent + 2 * kvWidth, width});
  const TensorValue *output = state->parameter(op, name + ".o_proj.weight", {width, latent});
  if (!projection || !output)
    return failure();

  TensorValue q = linearRows(x, *projection, 0, latent);
  TensorValue k = linearRows(x, *projection, latent, kvWidth);
  TensorValue v = linearRows(x, *projection, latent + kvWidth, kvWidth);
  if (op.getValueShift())
    shiftValues(v, sizes.length);
  TensorValue q0 = q, k0 = k;
  if (op.getConvs() && (failed(convolveTwice(op, *state, name + ".q_conv", q, heads)) ||
                        failed(convolveTwice(op, *state, name + ".k_conv", k, kvHeads))))
    return failure();
  if (op.getQkMean() && heads == kvHeads) {
    for (int64_t i = 0; i < q.size(); ++i) {
      double mean = (q0[i] + k0[i]) / 2.0;
      q[i] += mean;
      k[i] += mean;
    }
  } else if (op.getQkMean()) {
    addHalfHeadMean(q, k0, headWidth);
    addHalfHeadMean(k, q0, headWidth);
  }
  if (op.getQkNorm()) {
    const TensorValue *temperature = state->parameter(op, name + ".key_temperature", {1});
    if (!temperature)
      return failure();
    normaliseHeads(q, headWidth, 1.0);
    normaliseHeads(k, headWidth, (*temperature)[0]);
  }
  if (op.getRope()) {
    std::vector<float> table = ropeTable(sizes.length, headWidth, kRopeTheta);
    rotatePairs(q, sizes.length, headWidth, table);
    rotatePairs(k, sizes.length, headWidth, table);
  }
  frame.set(op.getResult(), linear(attendCausally(q, k, v, sizes), *output));
  return success();
}

void mlir::hydra::attachCcgqaInterpretation(MLIRContext *context) {
  attachInterpretation<CcgqaOp, interpretCcgqa>(context);
}
