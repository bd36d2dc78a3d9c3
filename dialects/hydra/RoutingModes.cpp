#include "dialects/hydra/RoutingModes.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::hydra;

static constexpr llvm::StringLiteral kProgramRouting[] = {"fixed", "static", "dynamic"};

ArrayRef<llvm::StringLiteral> hydra::routingModesOf(Operation *op) {
  using Names = ArrayRef<llvm::StringLiteral>;
  return llvm::TypeSwitch<Operation *, Names>(op)
      .Case([](RecursionOp) { return Names(kRecursionModes); })
      .Case([](DepthRoutingOp) { return Names(kDepthRoutingModes); })
      .Case([](ExpertsOp) { return Names(kExpertsModes); })
      .Default(Names(kProgramRouting));
}

template <typename Mode> static Mode read(Operation *op) {
  auto text = op->getAttrOfType<StringAttr>(kRoutingAttrName);
  ArrayRef<llvm::StringLiteral> names = routingModesOf(op);
  const auto *found = text ? llvm::find(names, text.getValue()) : names.begin();
  return static_cast<Mode>(found - names.begin());
}

template <typename Mode> static void write(Operation *op, Mode mode) {
  op->setAttr(kRoutingAttrName,
              StringAttr::get(op->getContext(), routingModesOf(op)[static_cast<size_t>(mode)]));
}

FailureOr<DepthRoutingMode> hydra::modeOfRule(StringRef rule, DepthRoutingMode unless) {
  if (rule.empty())
    return unless;
  // To run the whole prefix again is to select as in training.
  return llvm::StringSwitch<FailureOr<DepthRoutingMode>>(rule)
      .Case("recompute", DepthRoutingMode::hard)
      .Case("dense", DepthRoutingMode::disabled)
      .Case("threshold", DepthRoutingMode::threshold)
      .Case("predictor", DepthRoutingMode::predictor)
      .Case("prefix", DepthRoutingMode::prefix)
      .Default(failure());
}

RecursionMode hydra::modeOf(RecursionOp op) { return read<RecursionMode>(op); }
DepthRoutingMode hydra::modeOf(DepthRoutingOp op) { return read<DepthRoutingMode>(op); }
ExpertsMode hydra::modeOf(ExpertsOp op) { return read<ExpertsMode>(op); }

void hydra::setMode(RecursionOp op, RecursionMode mode) { write(op, mode); }
void hydra::setMode(DepthRoutingOp op, DepthRoutingMode mode) { write(op, mode); }
void hydra::setMode(ExpertsOp op, ExpertsMode mode) { write(op, mode); }
