// Interpretation of attention and its gradient (HydraSequenceOps.td).
#include "compiler/interpreter/Interpretation.h"
#include "compiler/interpreter/MatrixProduct.h"
#include "compiler/interpreter/ParallelFor.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

using namespace mlir;
using namespace mlir::hydra;

// Queries handled at once; their scores against all visible keys are held in full.
static constexpr int64_t kQueryBlock = 64;

// One head of a [B, S, heads * width] tensor as the matrix [S, width].
static MatrixView head(const TensorValue &x, int64_t batch, int64_t index, int64_t width) {
  return {x.row(batch * x.shape()[1]) + index * width, x.columns(), 1};
}
static MatrixView rowsFrom(MatrixView view, int64_t row) {
  return {view.data + row * view.rowStride, view.rowStride, view.columnStride};
}
static MatrixView transposed(MatrixView view) {
  return {view.data, view.columnStride, view.rowStride};
}

// Softmax of one row of scaled scores; returns the log-sum-exp, -infinity for an empty row.
static double softmaxInPlace(double *scores, int64_t count) {
  double maximum = -std::numeric_limits<double>::infinity(), sum = 0.0;
  for (int64_t u = 0; u < count; ++u)
    maximum = scores[u] > maximum || std::isnan(scores[u]) ? scores[u] : maximum;
  if (count == 0)
    return maximum;
  for (int64_t u = 0; u < count; ++u)
    sum += scores[u] = std::exp(scores[u] - maximum);
  for (int64_t u = 0; u < count; ++u)
    scores[u] /= sum;
  return maximum + std::log(sum);
}

static LogicalResult interpretAttention(AttentionOp op, InterpreterFrame &frame) {
  const TensorValue &q = frame.get(op.getQ()), &k = frame.get(op.getK()), &v = frame.get(op.getV());
  int64_t heads = op.getHeads(), group = heads / static_cast<int64_t>(op.getKvHeads());
  int64_t batch = q.shape()[0], queries = q.shape()[1], keys = k.shape()[1];
  int64_t width = q.columns() / heads;
  double scale = op.getScale().convertToDouble();
  TensorValue result = frame.zerosLike(op.getResult()), lse = frame.zerosLike(op.getLse());

  parallelFor(batch * heads, 1, [&](int64_t begin, int64_t end) {
    std::vector<double> scores(std::min(queries, kQueryBlock) * keys);
    for (int64_t item = begin; item < end; ++item) {
      int64_t b = item / heads, h = item % heads;
      int64_t position = frame.integer(op.getPosition(), keys - queries, b);
      int64_t count = std::clamp<int64_t>(frame.integer(op.getCount(), queries, b), 0, queries);
      MatrixView query = head(q, b, h, width), key = head(k, b, h / group, width),
                 value = head(v, b, h / group, width);
      for (int64_t t0 = 0; t0 < count; t0 += kQueryBlock) {
        int64_t rows = std::min(kQueryBlock, count - t0);
        int64_t visible = std::clamp<int64_t>(position + t0 + rows, 0, keys);
        std::fill(scores.begin(), scores.end(), 0.0);
        addMatrixProductSerial(rows, visible, width, rowsFrom(query, t0), transposed(key),
                               scores.data(), keys);
        for (int64_t t = 0; t < rows; ++t) {
          double *row = scores.data() + t * keys;
          int64_t seen = std::clamp<int64_t>(position + t0 + t + 1, 0, keys);
          for (int64_t u = 0; u < seen; ++u)
            row[u] *= scale;
          lse.row(b * queries + t0 + t)[h] = softmaxInPlace(row, seen);
          std::fill(row + seen, row + keys, 0.0);
        }
        // Keys that every query of the block sees, then the others one by one: what a query does
        // not see may be anything, NaN included, as in a cache that is not full yet.
        int64_t common = std::clamp<int64_t>(position + t0 + 1, 0, keys);
        addMatrixProductSerial(rows, width, common, {scores.data(), keys, 1}, value,
                               result.row(b * queries + t0) + h * width, result.columns());
        for (int64_t t = 0; t < rows; ++t) {
          double *out = result.row(b * queries + t0 + t) + h * width;
          int64_t seen = std::clamp<int64_t>(position + t0 + t + 1, 0, keys);
          for (int64_t u = common; u < seen; ++u)
            for (int64_t c = 0; c < width; ++c)
              out[c] += scores[t * keys + u] * value.data[u * value.rowStride + c];
        }
      }
      for (int64_t t = count; t < queries; ++t) {
        lse.row(b * queries + t)[h] = std::numeric_limits<double>::quiet_NaN();
        std::fill_n(result.row(b * queries + t) + h * width, width,
                    std::numeric_limits<double>::quiet_NaN());
      }
    }
  });
  frame.set(op.getResult(), std::move(result));
  frame.set(op.getLse(), std::move(lse));
  return success();
}

namespace {
// Operands of one head of attention_grad; matrices are [S, width].
struct GradHead {
  MatrixView dy, q, k, v, y;
  const double *lse; // one per query, `heads` apart
  int64_t heads, length, width;
  double scale;
};
} // namespace

// Adds the contributions of one query head to dq, dk and dv, whose rows are qStride and kStride
// apart.
static void addHeadGradients(const GradHead &head, double *dq, int64_t qStride, double *dk,
                             double *dv, int64_t kStride, std::vector<double> &probability,
                             std::vector<double> &gradient) {
  int64_t length = head.length, width = head.width;
  for (int64_t t0 = 0; t0 < length; t0 += kQueryBlock) {
    int64_t rows = std::min(kQueryBlock, length - t0), visible = t0 + rows;
    std::fill(probability.begin(), probability.end(), 0.0);
    std::fill(gradient.begin(), gradient.end(), 0.0);
    MatrixView query = rowsFrom(head.q, t0), upstream = rowsFrom(head.dy, t0);
    addMatrixProductSerial(rows, visible, width, query, transposed(head.k), probability.data(),
                           length);
    addMatrixProductSerial(rows, visible, width, upstream, transposed(head.v), gradient.data(),
                           length);
    for (int64_t t = 0; t < rows; ++t) {
      double *p = probability.data() + t * length, *ds = gradient.data() + t * length;
      double delta = 0.0;
      for (int64_t j = 0; j < width; ++j)
        delta += head.dy.data[(t0 + t) * head.dy.rowStride + j] *
                 head.y.data[(t0 + t) * head.y.rowStride + j];
      int64_t seen = t0 + t + 1;
      for (int64_t u = 0; u < seen; ++u) {
        p[u] = std::exp(head.scale * p[u] - head.lse[(t0 + t) * head.heads]);
        ds[u] = head.scale * p[u] * (ds[u] - delta);
      }
      std::fill(p + seen, p + length, 0.0);
      std::fill(ds + seen, ds + length, 0.0);
    }
    MatrixView p{probability.data(), length, 1}, ds{gradient.data(), length, 1};
    addMatrixProductSerial(rows, width, visible, ds, head.k, dq + t0 * qStride, qStride);
    addMatrixProductSerial(visible, width, rows, transposed(ds), query, dk, kStride);
    addMatrixProductSerial(visible, width, rows, transposed(p), upstream, dv, kStride);
  }
}

static LogicalResult interpretAttentionGrad(AttentionGradOp op, InterpreterFrame &frame) {
  const TensorValue &dy = frame.get(op.getDy()), &q = frame.get(op.getQ()),
                    &k = frame.get(op.getK()), &v = frame.get(op.getV()), &y = frame.get(op.getY()),
                    &lse = frame.get(op.getLse());
  int64_t heads = op.getHeads(), kvHeads = op.getKvHeads(), group = heads / kvHeads;
  int64_t batch = q.shape()[0], length = q.shape()[1], width = q.columns() / heads;
  TensorValue dq = frame.zerosLike(op.getDq()), dk = frame.zerosLike(op.getDk()),
              dv = frame.zerosLike(op.getDv());
  parallelFor(batch * kvHeads, 1, [&](int64_t begin, int64_t end) {
    std::vector<double> probability(std::min(length, kQueryBlock) * length);
    std::vector<double> gradient(probability.size());
    for (int64_t item = begin; item < end; ++item) {
      int64_t b = item / kvHeads, kvHead = item % kvHeads;
      for (int64_t h = kvHead * group; h < (kvHead + 1) * group; ++h) {
        GradHead operands{head(dy, b, h, width),
                          head(q, b, h, width),
                          head(k, b, kvHead, width),
                          head(v, b, kvHead, width),
                          head(y, b, h, width),
                          lse.row(b * length) + h,
                          heads,
                          length,
                          width,
                          op.getScale().convertToDouble()};
        addHeadGradients(operands, dq.row(b * length) + h * width, dq.columns(),
                         dk.row(b * length) + kvHead * width, dv.row(b * length) + kvHead * width,
                         dk.columns(), probability, gradient);
      }
    }
  });
  frame.set(op.getDq(), std::move(dq));
  frame.set(op.getDk(), std::move(dk));
  frame.set(op.getDv(), std::move(dv));
  return success();
}

void mlir::hydra::attachAttentionInterpretation(MLIRContext *context) {
  attachInterpretation<AttentionOp, interpretAttention>(context);
  attachInterpretation<AttentionGradOp, interpretAttentionGrad>(context);
}
