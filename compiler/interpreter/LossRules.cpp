// Interpretation of the cross-entropy and the optimizer (HydraLossOps.td).
#include "compiler/interpreter/Interpretation.h"
#include "compiler/interpreter/ParallelFor.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::hydra;

static double logSumExp(const double *values, int64_t count) {
  double maximum = -std::numeric_limits<double>::infinity(), sum = 0.0;
  for (int64_t i = 0; i < count; ++i)
    maximum = values[i] > maximum || std::isnan(values[i]) ? values[i] : maximum;
  for (int64_t i = 0; i < count; ++i)
    sum += std::exp(values[i] - maximum);
  return maximum + std::log(sum);
}

static int64_t countValid(const TensorValue &targets) {
  return llvm::count_if(targets.elements(), [](double target) { return target != kIgnoredTarget; });
}

static LogicalResult interpretCrossEntropy(CrossEntropyOp op, InterpreterFrame &frame) {
  const TensorValue &logits = frame.get(op.getLogits()), &targets = frame.get(op.getTargets());
  TensorValue loss = frame.zerosLike(op.getLoss()), perToken = frame.zerosLike(op.getTokenLoss()),
              lse = frame.zerosLike(op.getLse());
  int64_t vocabulary = logits.columns();
  parallelFor(logits.rows(), 8, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      lse[row] = logSumExp(logits.row(row), vocabulary);
      if (targets[row] == kIgnoredTarget)
        continue;
      auto target = clampedIndex(targets[row], vocabulary);
      perToken[row] =
          target ? lse[row] - logits.row(row)[*target] : std::numeric_limits<double>::quiet_NaN();
    }
  });
  for (double value : perToken.elements())
    loss[0] += value;
  loss[0] /= static_cast<double>(std::max<int64_t>(1, countValid(targets)));
  frame.set(op.getLoss(), std::move(loss));
  frame.set(op.getTokenLoss(), std::move(perToken));
  frame.set(op.getLse(), std::move(lse));
  return success();
}

static LogicalResult interpretCrossEntropyGrad(CrossEntropyGradOp op, InterpreterFrame &frame) {
  const TensorValue &logits = frame.get(op.getLogits()), &targets = frame.get(op.getTargets()),
                    &lse = frame.get(op.getLse());
  TensorValue result = frame.zerosLike(op.getResult());
  int64_t vocabulary = logits.columns();
  double factor = frame.get(op.getScale())[0];
  parallelFor(logits.rows(), 8, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      if (targets[row] == kIgnoredTarget)
        continue;
      double *out = result.row(row);
      auto target = clampedIndex(targets[row], vocabulary);
      for (int64_t j = 0; j < vocabulary; ++j)
        out[j] = target ? factor * (std::exp(logits.row(row)[j] - lse[row]) - (j == *target))
                        : std::numeric_limits<double>::quiet_NaN();
    }
  });
  frame.set(op.getResult(), std::move(result));
  return success();
}

static LogicalResult interpretGlobalNorm(GlobalNormOp op, InterpreterFrame &frame) {
  TensorValue result = frame.zerosLike(op.getResult());
  for (Value input : op.getInputs())
    for (double value : frame.get(input).elements())
      result[0] += value * value;
  result[0] = std::sqrt(result[0]);
  frame.set(op.getResult(), std::move(result));
  return success();
}

static LogicalResult interpretAdamW(AdamWOp op, InterpreterFrame &frame) {
  TensorValue p = frame.get(op.getParameter()), m = frame.get(op.getM()), v = frame.get(op.getV());
  const TensorValue &gradient = frame.get(op.getGradient());
  int64_t index = op.getIndex();
  if (frame.get(op.getPresent())[index] != 0) {
    double step = frame.get(op.getSteps())[index];
    double scale = frame.get(op.getClipScale())[0];
    double rate = frame.get(op.getLr())[0] * op.getLrFactor().convertToDouble();
    double decay =
        1.0 - rate * frame.get(op.getWeightDecay())[0] * op.getDecayFactor().convertToDouble();
    double beta1 = op.getBeta1().convertToDouble(), beta2 = op.getBeta2().convertToDouble();
    double eps = op.getEps().convertToDouble();
    double correction1 = 1.0 - std::pow(beta1, step), correction2 = 1.0 - std::pow(beta2, step);
    for (int64_t i = 0; i < p.size(); ++i) {
      double g = gradient[i] * scale;
      m[i] = beta1 * m[i] + (1.0 - beta1) * g;
      v[i] = beta2 * v[i] + (1.0 - beta2) * g * g;
      p[i] = p[i] * decay - rate / correction1 * m[i] / (std::sqrt(v[i] / correction2) + eps);
    }
  }
  frame.set(op.getNewParameter(), std::move(p));
  frame.set(op.getNewM(), std::move(m));
  frame.set(op.getNewV(), std::move(v));
  frame.set(op.getCleared(), frame.zerosLike(op.getCleared()));
  return success();
}

void mlir::hydra::attachLossInterpretation(MLIRContext *context) {
  attachInterpretation<CrossEntropyOp, interpretCrossEntropy>(context);
  attachInterpretation<CrossEntropyGradOp, interpretCrossEntropyGrad>(context);
  attachInterpretation<GlobalNormOp, interpretGlobalNorm>(context);
  attachInterpretation<AdamWOp, interpretAdamW>(context);
}
