#include "passes/lowering/RoutingLosses.h"

#include "passes/lowering/Passes.h"

#include <algorithm>
#include <limits>

using namespace mlir;
using namespace mlir::hydra;

static constexpr double kBaselineDecay = 0.99;
static constexpr double kBaselineWarmup = 1000; // updates before the baseline is used

Value RoutingLosses::control(StringRef name, double initial) {
  auto type = RankedTensorType::get({}, emit.builder().getF32Type());
  return function.addArgument(
      location, type, BindingKind::control, name,
      emit.builder().getNamedAttr(kInitialAttrName, emit.builder().getF64FloatAttr(initial)));
}

Value RoutingLosses::controlState(StringRef name, double initial) {
  auto type = RankedTensorType::get({}, emit.builder().getF32Type());
  return function.addArgument(
      location, type, BindingKind::control_state, name,
      emit.builder().getNamedAttr(kInitialAttrName, emit.builder().getF64FloatAttr(initial)));
}

void RoutingLosses::addToTotal(Value term, double cap, Value weight) {
  term = emit.binary(BinaryKind::min, term, emit.scalar(cap));
  total = emit.add(total, weight ? emit.mul(term, weight) : term);
}

Value RoutingLosses::addSum(ArrayRef<Value> values, StringRef name) {
  Value sum;
  for (Value value : values)
    sum = sum ? emit.add(sum, value) : value;
  if (!sum)
    return sum;
  emit.probe(sum, "loss." + name);
  function.addResult(sum, BindingKind::output, ("loss." + name).str());
  return sum;
}

Value RoutingLosses::updateBaseline(Value tokenLoss, Value valid, bool readBefore) {
  Value ema = controlState("loss_ema", 0), variance = controlState("loss_variance", 1);
  Value steps = controlState("loss_steps", 0), known = controlState("loss_initialized", 0);
  Value halted = controlState("halted", 0), one = emit.scalar(1);
  auto div = [&](Value a, Value b) { return emit.binary(BinaryKind::div, a, b); };
  auto max = [&](Value a, Value b) { return emit.binary(BinaryKind::max, a, b); };

  Value count = emit.sum(valid);
  Value mean = div(emit.sum(tokenLoss), max(count, one));
  Value distance = emit.mul(emit.sub(tokenLoss, mean), valid);
  Value spread =
      div(emit.sum(emit.unary(UnaryKind::square, distance)), max(emit.sub(count, one), one));
  // Not by a micro-batch without targets or with losses that are not finite, nor while halted.
  Value finite = emit.binary(BinaryKind::eq, emit.sub(spread, spread), emit.scalar(0));
  Value usable =
      emit.mul(emit.mul(emit.binary(BinaryKind::ge, count, one), finite), emit.sub(one, halted));
  auto moved = [&](Value old, Value sample) {
    Value average =
        emit.add(emit.scaled(old, kBaselineDecay), emit.scaled(sample, 1 - kBaselineDecay));
    return emit.select(usable, emit.select(known, average, sample), old);
  };
  Value newEma = moved(ema, mean), newVariance = moved(variance, spread);
  Value newSteps = emit.add(steps, usable);
  function.addResult(newEma, BindingKind::control_state, "loss_ema");
  function.addResult(newVariance, BindingKind::control_state, "loss_variance");
  function.addResult(newSteps, BindingKind::control_state, "loss_steps");
  function.addResult(max(known, usable), BindingKind::control_state, "loss_initialized");

  if (!readBefore) {
    ema = newEma;
    variance = newVariance;
    steps = newSteps;
  }
  Value deviation = max(emit.scalar(0.01), emit.unary(UnaryKind::sqrt, variance));
  Value edge = emit.unary(UnaryKind::tanh, div(emit.sub(tokenLoss, ema), deviation));
  Value warm = emit.binary(BinaryKind::ge, steps, emit.scalar(kBaselineWarmup));
  return emit.mul(edge, warm);
}

// weight * mean over valid of [ -beta label log sigmoid(s) - (1 - label) log(1 - sigmoid(s)) ],
// label 1 at the tokens of greatest loss in each sequence.
Value RoutingLosses::lossAware(int64_t block, const DepthTerms &depth, Value tokenLoss,
                               Value valid) {
  OpBuilder &builder = emit.builder();
  int64_t sequence = emit.shapeOf(tokenLoss).back();
  int64_t k = std::clamp<int64_t>(
      static_cast<int64_t>(static_cast<double>(sequence) * depth.capacity), 1, sequence);
  auto type = cast<RankedTensorType>(tokenLoss.getType());
  Value lowest = emit.broadcast(emit.scalar(std::numeric_limits<float>::lowest()), type.getShape());
  auto top = TopKOp::create(builder, location, emit.select(valid, tokenLoss, lowest),
                            builder.getI64IntegerAttr(k));
  emit.probe(top.getIndex(), "label.mod." + Twine(block));
  Value label = emit.toFloat(top.getChosen());
  double beta = std::max(1.0, static_cast<double>(sequence - k) / static_cast<double>(k));
  Value score = emit.clamp(emit.average(depth.scores), -10, 10);
  Value missed =
      emit.scaled(emit.mul(label, emit.softplus(emit.unary(UnaryKind::neg, score))), beta);
  Value wrong = emit.mul(emit.sub(emit.scalar(1), label), emit.softplus(score));
  Value sum = emit.sum(emit.mul(emit.add(missed, wrong), valid));
  Value count = emit.binary(BinaryKind::max, emit.sum(valid), emit.scalar(1));
  return emit.mul(emit.binary(BinaryKind::div, sum, count), depth.lossAwareWeight);
}

Value RoutingLosses::addAdvantage(CrossEntropyOp crossEntropy, const RoutingTerms &terms,
                                  const ModelRules &rules) {
  Value targets = crossEntropy.getTargets(), tokenLoss = crossEntropy.getTokenLoss();
  Value ignored = emit.binary(BinaryKind::eq, targets, emit.integer(kIgnoredTarget));
  Value valid = emit.sub(emit.scalar(1), emit.toFloat(ignored));
  Value edge = updateBaseline(tokenLoss, valid, rules.baselineBefore);
  // Ignored positions take part with loss 0; corrected rule Q12: they do not.
  Value count;
  if (rules.baselineBefore) {
    edge = emit.mul(edge, valid);
    count = emit.binary(BinaryKind::max, emit.sum(valid), emit.scalar(1));
  }
  SmallVector<Value> advantages;
  for (const RecursionTerms &recursion : terms.recursions) {
    Value gain = emit.mul(edge, recursion.depth);
    Value mean = count ? emit.binary(BinaryKind::div, emit.sum(gain), count) : emit.mean(gain);
    advantages.push_back(emit.scaled(mean, -recursion.advantageScale));
  }
  for (const auto &[block, depth] : terms.depths)
    if (depth.lossAwareWeight)
      advantages.push_back(lossAware(block, depth, tokenLoss, valid));
  return addSum(advantages, "advantage_raw");
}

void RoutingLosses::add(CrossEntropyOp crossEntropy, const RoutingTerms &terms,
                        const LossRequest &request) {
  Value ce = crossEntropy.getLoss();
  total = ce;
  SmallVector<Value> balance, predictor, ponder, expertBalance, teacher;
  for (const auto &[block, depth] : terms.depths) {
    if (!depth.balances.empty())
      balance.push_back(emit.average(depth.balances));
    if (!depth.predictions.empty())
      predictor.push_back(emit.average(depth.predictions));
  }
  for (const RecursionTerms &recursion : terms.recursions)
    ponder.push_back(recursion.ponder);
  for (const ExpertTerms &layer : terms.experts) {
    if (layer.balance)
      expertBalance.push_back(layer.balance);
    teacher.push_back(layer.teacher);
  }
  // The total comes first, though it is known last.
  size_t totalAt = function.reserveResult();
  function.addResult(ce, BindingKind::output, "loss.ce");
  if (Value aux = addSum(balance, "aux"))
    addToTotal(aux, 100, Value());
  else if (request.routed)
    addSum(emit.scalar(0), "aux"); // an empty sum
  if (Value sum = addSum(predictor, "mod_predictor"))
    addToTotal(sum, 100, Value());
  if (Value sum = addSum(ponder, "ponder"))
    addToTotal(sum, 100, control("ponder_weight", 0.01));
  if (Value sum = addSum(expertBalance, "moe_aux"))
    addToTotal(sum, 100, Value());
  if (Value sum = addSum(teacher, "moe_teacher"))
    addToTotal(sum, 100, control("moe_teacher_weight", 0));
  if (request.baseline)
    if (Value raw = addAdvantage(crossEntropy, terms, request.rules)) {
      Value advantage = emit.binary(BinaryKind::min, emit.mul(raw, control("advantage_weight", 1)),
                                    emit.scalar(10));
      emit.probe(advantage, "loss.advantage");
      function.addResult(advantage, BindingKind::output, "loss.advantage");
      total = emit.add(total, advantage);
    }
  if (total != ce)
    emit.probe(total, "loss.total");
  function.setResult(totalAt, total, BindingKind::output, "loss.total");
}
