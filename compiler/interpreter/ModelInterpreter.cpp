// Runs a hydra.model and computes its losses (model.md 10).
#include "compiler/interpreter/Interpreter.h"
#include "compiler/interpreter/ModelState.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace mlir::hydra;

// Largest balance loss that counts, summed over blocks (model.md 10).
static constexpr double kLargestBalanceLoss = 100.0;

// An i32 [B, S] input; null with a diagnostic if it is something else, null without one if it is
// absent.
static FailureOr<const TensorValue *> findTokens(LanguageModelOp model,
                                                 const NamedTensors &bindings, StringRef key) {
  auto found = bindings.find(key.str());
  if (found == bindings.end())
    return static_cast<const TensorValue *>(nullptr);
  const TensorValue &value = found->second;
  if (value.kind() != ElementKind::i32 || value.rank() != 2 || value.size() == 0)
    return model.emitOpError("expected input \"")
           << key << "\" as i32 [batch, sequence], not empty, found " << value.describeType();
  return &value;
}

// Mean negative log-likelihood over the targets that are not ignored; 0 if there is none.
static double crossEntropy(const TensorValue &logits, const TensorValue &targets) {
  double sum = 0.0;
  int64_t valid = 0, vocabulary = logits.columns();
  for (int64_t row = 0; row < targets.size(); ++row) {
    if (targets[row] == kIgnoredTarget)
      continue;
    ++valid;
    const double *values = logits.row(row);
    double maximum = *std::max_element(values, values + vocabulary), total = 0.0;
    for (int64_t j = 0; j < vocabulary; ++j)
      total += std::exp(values[j] - maximum);
    int64_t target = std::clamp<int64_t>(static_cast<int64_t>(targets[row]), 0, vocabulary - 1);
    sum += maximum + std::log(total) - values[target];
  }
  return valid ? sum / static_cast<double>(valid) : 0.0;
}

static void addLosses(const ModelState &state, const TensorValue &targets,
                      const InterpretOptions &options, NamedTensors &outputs) {
  auto put = [&](const char *name, double value) {
    TensorValue loss = TensorValue::scalar(value);
    if (options.precision == Precision::float32)
      loss.round();
    outputs[name] = loss;
  };
  double ce = crossEntropy(outputs.at("output/logits"), targets);
  put("output/loss.ce", ce);
  if (!options.training)
    return;
  double balance = 0.0;
  for (const auto &[block, loss] : state.balanceLosses)
    balance += loss;
  put("output/loss.aux", balance);
  put("output/loss.total", ce + std::min(balance, kLargestBalanceLoss));
}

// Gives every value under `root` the batch and sequence of a run, where its type leaves them open.
static void fixShapes(Operation *root, ArrayRef<int64_t> tokens) {
  auto fixed = [&](Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type || type.hasStaticShape())
      return;
    SmallVector<int64_t> shape(type.getShape());
    for (size_t axis = 0; axis < std::min(shape.size(), tokens.size()); ++axis)
      if (ShapedType::isDynamic(shape[axis]))
        shape[axis] = tokens[axis];
    value.setType(RankedTensorType::get(shape, type.getElementType()));
  };
  root->walk([&](Operation *op) {
    llvm::for_each(op->getResults(), fixed);
    for (Region &region : op->getRegions())
      for (Block &block : region)
        llvm::for_each(block.getArguments(), fixed);
  });
}

FailureOr<NamedTensors> mlir::hydra::interpretModel(LanguageModelOp spec,
                                                    const NamedTensors &bindings,
                                                    const InterpretOptions &options) {
  LanguageModelOp model = spec;
  FailureOr<const TensorValue *> tokens = findTokens(model, bindings, "input/tokens");
  FailureOr<const TensorValue *> targets = findTokens(model, bindings, "input/targets");
  if (failed(tokens) || failed(targets))
    return failure();
  if (!*tokens)
    return model.emitOpError("expected an input \"input/tokens\" of type i32 [batch, sequence], "
                             "found none of that name");
  if (*targets && (*targets)->shape() != (*tokens)->shape())
    return model.emitOpError("expected targets of the tokens' type ")
           << (*tokens)->describeType() << ", found " << (*targets)->describeType();

  // Primitives of a spec make values of the static types of their results.
  OwningOpRef<ModuleOp> copy = spec->getParentOfType<ModuleOp>().clone();
  fixShapes(*copy, (*tokens)->shape());
  model = copy->lookupSymbol<LanguageModelOp>(spec.getSymName());

  ModelState state(model, bindings);
  state.training = options.training;
  if (auto weight = bindings.find("control/mod_aux_weight"); weight != bindings.end()) {
    if (weight->second.size() != 1)
      return model.emitOpError("expected control value \"mod_aux_weight\" as a scalar, found ")
             << weight->second.describeType();
    state.balanceWeight = weight->second[0];
  }
  NamedTensors outputs;
  InterpreterFrame frame(options.precision, options.probes ? &outputs : nullptr);
  frame.setModel(&state);
  Block &body = model.getBody().front();
  frame.set(body.getArgument(0), **tokens);
  if (failed(frame.interpretBody(body)))
    return failure();
  outputs["output/logits"] = frame.get(body.getTerminator()->getOperand(0));
  if (options.probes) {
    for (auto &[block, value] : state.blockOutputs)
      outputs["probe/block." + std::to_string(block)] = std::move(value);
    for (auto &[block, value] : state.depthScores)
      outputs["probe/mod." + std::to_string(block) + ".score"] = std::move(value);
  }
  if (*targets)
    addLosses(state, **targets, options, outputs);
  return outputs;
}
