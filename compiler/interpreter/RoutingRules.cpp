// Interpretation of the routing ops (HydraModelOps.td): recursion at fixed depth (model.md 6) and
// depth routing before it is enabled (model.md 8, mode "disabled").
#include "compiler/interpreter/Interpretation.h"
#include "compiler/interpreter/ModelState.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace mlir::hydra;

static LogicalResult interpretRecursion(RecursionOp op, InterpreterFrame &frame) {
  ModelState *state = requireState(op, frame);
  if (!state)
    return failure();
  TensorValue stream = frame.get(op.getX());
  int64_t passes = op.getRecursions(), width = stream.columns();
  const TensorValue *bias =
      state->parameter(op, "mor_executor.recursion_bias", {passes, 1, 1, width});
  const TensorValue *embedding =
      state->parameter(op, "mor_executor.recursion_embed.weight", {passes, width});
  if (!bias || !embedding)
    return failure();
  Block &body = op.getBody().front();
  int64_t outerPasses = state->passes;
  state->passes = passes;
  for (int64_t r = 0; r < passes; ++r) {
    TensorValue input = stream;
    for (int64_t row = 0; row < input.rows(); ++row)
      for (int64_t j = 0; j < width; ++j)
        input.row(row)[j] += bias->row(r)[j] + embedding->row(r)[j];
    frame.set(body.getArgument(0), std::move(input));
    if (failed(frame.interpretBody(body)))
      return failure();
    const TensorValue &delta = frame.get(body.getTerminator()->getOperand(0));
    for (int64_t i = 0; i < stream.size(); ++i)
      stream[i] += delta[i];
    if (frame.precision() == Precision::float32)
      stream.round();
  }
  state->passes = outerPasses;
  frame.set(op.getResult(), std::move(stream));
  return success();
}

// a_mod: the control value, else the spec's, else the automatic one of model.md 8.
static double balanceWeight(DepthRoutingOp op, const ModelState &state, int64_t modelWidth) {
  if (state.balanceWeight)
    return *state.balanceWeight;
  if (auto weight = op.getAuxWeight())
    return weight->convertToDouble();
  double depth = static_cast<double>(state.blockCount * state.passes) / 32.0;
  double width = static_cast<double>(modelWidth) / 768.0;
  return 0.5 * std::max(1.0, depth) * std::max(1.0, std::sqrt(width));
}

// a_mod [(mean(p) - c)^2 + 0.5 exp(-5 var(p) / max(0.5 c (1-c), 0.01))], unbiased variance
static double balanceLoss(const TensorValue &scores, double capacity, double weight) {
  double mean = 0.0, squares = 0.0, count = static_cast<double>(scores.size());
  auto probability = [&](int64_t i) {
    return 1.0 / (1.0 + std::exp(-std::clamp(scores[i], -10.0, 10.0)));
  };
  for (int64_t i = 0; i < scores.size(); ++i)
    mean += probability(i) / count;
  for (int64_t i = 0; i < scores.size(); ++i)
    squares += (probability(i) - mean) * (probability(i) - mean);
  double variance = squares / (count - 1.0);
  double spread = std::max(0.5 * capacity * (1.0 - capacity), 0.01);
  return weight *
         ((mean - capacity) * (mean - capacity) + 0.5 * std::exp(-5.0 * variance / spread));
}

// The body on every token; scores and balance loss are computed all the same.
static LogicalResult interpretDepthRouting(DepthRoutingOp op, InterpreterFrame &frame) {
  ModelState *state = requireState(op, frame);
  if (!state)
    return failure();
  Block &body = op.getBody().front();
  if (state->blockIndex > 0 && state->blockIndex < state->blockCount - 1) {
    const TensorValue &x = frame.get(op.getX());
    const TensorValue *weight =
        state->parameter(op, "mod_mlp_wrapper.mod_router.router.weight", {1, x.columns()});
    const TensorValue *bias = state->parameter(op, "mod_mlp_wrapper.mod_router.router.bias", {1});
    if (!weight || !bias)
      return failure();
    TensorValue scores = linear(x, *weight);
    for (int64_t i = 0; i < scores.size(); ++i)
      scores[i] += (*bias)[0];
    scores.reshape(x.shape().drop_back());
    double a = balanceWeight(op, *state, x.columns());
    if (state->training && a > 0)
      state->balanceLosses[state->blockIndex] =
          balanceLoss(scores, op.getCapacity().convertToDouble(), a);
    state->depthScores[state->blockIndex] = std::move(scores);
  }
  frame.alias(body.getArgument(0), op.getX());
  if (failed(frame.interpretBody(body)))
    return failure();
  frame.alias(op.getResult(), body.getTerminator()->getOperand(0));
  return success();
}

// No expert layer is placed in a model without inner blocks, or if none is wanted (model.md 9).
static LogicalResult interpretExperts(ExpertsOp op, InterpreterFrame &frame) {
  ModelState *state = requireState(op, frame);
  if (!state)
    return failure();
  if (op.getLayers() > 0 && state->blockCount > 2)
    return op.emitOpError("routed experts are not interpreted at the model tier; lower the model "
                          "with the routing stage and interpret the result");
  frame.alias(op.getResult(), op.getX());
  return success();
}

void mlir::hydra::attachRoutingInterpretation(MLIRContext *context) {
  attachInterpretation<RecursionOp, interpretRecursion>(context);
  attachInterpretation<DepthRoutingOp, interpretDepthRouting>(context);
  attachInterpretation<ExpertsOp, interpretExperts>(context);
}
