// The optimizer step of a module.
#include "passes/autodiff/AdjointBuilder.h"
#include "passes/autodiff/Differentiation.h"
#include "passes/autodiff/Signature.h"

#include <limits>

using namespace mlir;
using namespace mlir::hydra;

// AdamW constants of model.md 13.
static constexpr double kBeta1 = 0.9;
static constexpr double kBeta2 = 0.95;
static constexpr double kEps = 1e-8;
// Keeps limit / norm finite (model.md 13).
static constexpr double kNormGuard = 1e-6;

namespace {

// Arguments of one parameter's update.
struct Slot {
  ParamOp parameter;
  unsigned index;
  Value value, gradient, m, v;
};

class ApplyFunction {
public:
  ApplyFunction(func::FuncOp function, const ParameterTable &table, Type element)
      : function(function), table(table), element(element), builder(function.getContext()),
        ops(builder, function.getLoc()) {}

  void build();

private:
  void appendArguments();
  Value control(StringRef name) {
    return appendArgument(function, scalarType(), BindingKind::control, name);
  }
  Type scalarType() const { return RankedTensorType::get({}, element); }
  Value controlState(StringRef name, double initial);
  Value updateNormAverage(Value norm, Value running);

  func::FuncOp function;
  const ParameterTable &table;
  Type element;
  OpBuilder builder;
  AdjointBuilder ops;

  SmallVector<Slot> slots;
  Value steps, present;
  Value lr, weightDecay, clipMin, clipMax, clipFactor, clipDecay, spikeNorm, spikeFactor, average,
      halted;
};

Value ApplyFunction::controlState(StringRef name, double initial) {
  Value value = appendArgument(function, scalarType(), BindingKind::control_state, name);
  function.setArgAttr(function.getNumArguments() - 1, kInitialAttrName,
                      FloatAttr::get(Float64Type::get(function.getContext()), initial));
  return value;
}

void ApplyFunction::appendArguments() {
  for (unsigned index : table.hasGradient.set_bits())
    slots.push_back({table.parameters[index], index, {}, {}, {}, {}});
  auto appendEach = [&](Value Slot::*member, BindingKind kind, StringRef prefix) {
    for (Slot &slot : slots)
      slot.*member = appendArgument(function, slot.parameter.getType(), kind,
                                    prefix + slot.parameter.getSymName());
  };
  appendEach(&Slot::value, BindingKind::parameter, "");
  appendEach(&Slot::gradient, BindingKind::gradient, "");
  appendEach(&Slot::m, BindingKind::optimizer, kFirstMomentPrefix);
  appendEach(&Slot::v, BindingKind::optimizer, kSecondMomentPrefix);
  auto perParameter = RankedTensorType::get({table.size()}, builder.getI32Type());
  steps = appendArgument(function, perParameter, BindingKind::optimizer, "steps");
  present = appendArgument(function, perParameter, BindingKind::optimizer, "present");
  lr = control("lr");
  weightDecay = control("weight_decay");
  clipMin = control("clip_min");
  clipMax = control("clip_max");
  clipFactor = control("clip_factor");
  clipDecay = control("clip_ema_decay");
  spikeNorm = control("spike_norm");
  spikeFactor = control("spike_lr_factor");
  average = appendArgument(function, scalarType(), BindingKind::control_state, "grad_norm_ema");
  halted = controlState("halted", 0);
}

Value ApplyFunction::updateNormAverage(Value norm, Value running) {
  Value moved = ops.add(average, ops.mul(clipDecay, ops.sub(norm, average)));
  Value updated = ops.select(running, moved, average);
  appendResult(function, updated, BindingKind::control_state, "grad_norm_ema");
  return updated;
}

void ApplyFunction::build() {
  Block &body = *function.addEntryBlock();
  builder.setInsertionPointToEnd(&body);
  func::ReturnOp end = func::ReturnOp::create(builder, function.getLoc());
  appendArguments();
  builder.setInsertionPoint(end);

  SmallVector<Value> gradients;
  for (const Slot &slot : slots)
    gradients.push_back(slot.gradient);
  Value norm = GlobalNormOp::create(builder, function.getLoc(), gradients);

  // Clipping: limit = min(clip_max, max(clip_min, clip_factor * average)).
  Value limit = ops.binary(BinaryKind::min, clipMax,
                           ops.binary(BinaryKind::max, clipMin, ops.mul(clipFactor, average)));
  Value ratio = ops.div(limit, ops.add(norm, ops.scalar(kNormGuard, element)));
  Value clipScale = ops.binary(BinaryKind::min, ops.scalar(1, element), ratio);

  // Finite: equal to itself and below infinity (a norm is not negative).
  Value infinity = ops.scalar(std::numeric_limits<double>::infinity(), element);
  Value finite =
      ops.mul(ops.binary(BinaryKind::eq, norm, norm), ops.binary(BinaryKind::gt, infinity, norm));
  Value spike = ops.binary(BinaryKind::gt, norm, spikeNorm);
  Value stepLr = ops.select(spike, ops.mul(lr, spikeFactor), lr);

  // A norm that is not finite halts: nobody takes part in this step, nor in any after it until the
  // host clears `halted`.
  Value one = ops.scalar(1, element);
  Value running = ops.mul(finite, ops.sub(one, halted));
  Value nowHalted = ops.binary(BinaryKind::max, halted, ops.sub(one, finite));
  Value taking = ops.mul(present, ops.cast(running, builder.getI32Type()));
  Value newSteps = ops.add(steps, taking);

  SmallVector<AdamWOp> updates;
  for (Slot &slot : slots)
    updates.push_back(AdamWOp::create(builder, slot.parameter.getLoc(), slot.value, slot.gradient,
                                      slot.m, slot.v, newSteps, taking, clipScale, stepLr,
                                      weightDecay, slot.index, slot.parameter.getLrFactor(),
                                      slot.parameter.getDecayFactor(), llvm::APFloat(kBeta1),
                                      llvm::APFloat(kBeta2), llvm::APFloat(kEps)));

  auto appendEach = [&](auto result, BindingKind kind, StringRef prefix) {
    for (auto [slot, update] : llvm::zip_equal(slots, updates))
      appendResult(function, result(update), kind, prefix + slot.parameter.getSymName());
  };
  appendEach([](AdamWOp op) { return op.getNewParameter(); }, BindingKind::parameter, "");
  appendEach([](AdamWOp op) { return op.getCleared(); }, BindingKind::gradient, "");
  appendEach([](AdamWOp op) { return op.getNewM(); }, BindingKind::optimizer, kFirstMomentPrefix);
  appendEach([](AdamWOp op) { return op.getNewV(); }, BindingKind::optimizer, kSecondMomentPrefix);
  appendResult(function, newSteps, BindingKind::optimizer, "steps");
  Value none =
      ConstantOp::create(builder, function.getLoc(),
                         DenseElementsAttr::get(tensorType(present), ArrayRef<int32_t>{0}));
  appendResult(function, none, BindingKind::optimizer, "present");
  Value newAverage = updateNormAverage(norm, running);
  appendResult(function, nowHalted, BindingKind::control_state, "halted");
  for (auto [value, name] :
       std::initializer_list<std::pair<Value, StringRef>>{{norm, "grad_norm"},
                                                          {clipScale, "clip_scale"},
                                                          {stepLr, "lr"},
                                                          {limit, "clip_limit"},
                                                          {newAverage, "grad_norm_ema"},
                                                          {nowHalted, "halted"}}) {
    appendResult(function, value, BindingKind::output, name);
    markRecordField(function, function.getNumResults() - 1, "last");
  }
}

} // namespace

LogicalResult hydra::addApplyFunction(ModuleOp module, const ParameterTable &table) {
  if (Operation *existing = module.lookupSymbol("apply"))
    return existing->emitOpError("takes the name 'apply', which autodiff needs for the optimizer "
                                 "step; rename it");
  Type element;
  for (unsigned index : table.hasGradient.set_bits()) {
    ParamOp parameter = table.parameters[index];
    Type own = cast<RankedTensorType>(parameter.getType()).getElementType();
    if (element && own != element)
      return parameter.emitOpError("has elements of ")
             << own << ", but parameters before it have " << element
             << "; a norm over all gradients needs one type";
    element = own;
  }
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  auto function =
      func::FuncOp::create(builder, module.getLoc(), "apply", builder.getFunctionType({}, {}));
  function->setAttr(kEntryAttrName,
                    EntryAttr::get(builder.getContext(), builder.getStringAttr("apply"), 0, 0,
                                   builder.getStringAttr("")));
  ApplyFunction(function, table, element).build();
  return success();
}
