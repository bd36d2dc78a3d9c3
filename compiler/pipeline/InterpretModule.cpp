#include "compiler/pipeline/InterpretModule.h"

#include "dialects/hydra/HydraDialect.h"

using namespace mlir;
using namespace mlir::hydra;

// What an argument starts as when the inputs lack it; nullopt if it must be given.
static std::optional<TensorValue> startValue(func::FuncOp function, unsigned index) {
  auto binding = function.getArgAttrOfType<BindingAttr>(index, kBindingAttrName);
  if (!binding)
    return std::nullopt;
  auto zeros = [&] {
    return TensorValue::zeros(cast<RankedTensorType>(function.getArgumentTypes()[index]));
  };
  switch (binding.getKind()) {
  case BindingKind::gradient:
  case BindingKind::optimizer:
  case BindingKind::cache:
    return zeros();
  case BindingKind::control:
  case BindingKind::control_state: {
    auto initial = function.getArgAttrOfType<FloatAttr>(index, kInitialAttrName);
    if (!initial)
      return std::nullopt;
    TensorValue value = zeros();
    value[0] = initial.getValueAsDouble();
    return value;
  }
  default:
    return std::nullopt;
  }
}

// The functions that --interpret runs.
static SmallVector<func::FuncOp> interpretedFunctions(ModuleOp module) {
  SmallVector<func::FuncOp> entries, all;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function.isPrivate()) // a block that others call
      continue;
    all.push_back(function);
    auto entry = function->getAttrOfType<EntryAttr>(kEntryAttrName);
    if (entry && entry.getName() != "apply" && entry.getName() != "derive")
      entries.push_back(function);
  }
  return entries.empty() ? all : entries;
}

// Adds the results of one run under `prefix`; probes become outputs.
static void collectResults(NamedTensors &into, NamedTensors results, const std::string &prefix) {
  for (auto &[key, tensor] : results) {
    StringRef name(key);
    if (name.consume_front("probe/"))
      into.try_emplace(prefix + "output/probe." + name.str(), std::move(tensor));
    else
      into.try_emplace(prefix + key, std::move(tensor));
  }
}

// Adds the bf16 copies of weights that entry `derive`, if there is one, makes of `inputs`.
static LogicalResult addDerived(ModuleOp module, NamedTensors &inputs,
                                const InterpretOptions &options) {
  for (auto function : module.getOps<func::FuncOp>()) {
    auto entry = function->getAttrOfType<EntryAttr>(kEntryAttrName);
    if (!entry || entry.getName() != "derive")
      continue;
    FailureOr<NamedTensors> copies = interpretFunction(function, inputs, options);
    if (failed(copies))
      return failure();
    for (auto &[key, tensor] : *copies)
      inputs.try_emplace(key, std::move(tensor));
  }
  return success();
}

// Adds what the arguments of `function` start as where `bindings` lack them.
static void addStartValues(func::FuncOp function, NamedTensors &bindings) {
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    std::string key = argumentKey(function, index);
    if (bindings.count(key))
      continue;
    if (std::optional<TensorValue> start = startValue(function, index))
      bindings.emplace(key, *std::move(start));
  }
}

// The entry `apply` of a module whose only other entry is `accumulate`; null if there is none.
static func::FuncOp applyOf(ModuleOp module, ArrayRef<func::FuncOp> functions) {
  auto nameOf = [](func::FuncOp function) {
    auto entry = function->getAttrOfType<EntryAttr>(kEntryAttrName);
    return entry ? entry.getName().getValue() : StringRef();
  };
  if (functions.size() == 1 && nameOf(functions.front()) == "accumulate")
    for (auto function : module.getOps<func::FuncOp>())
      if (nameOf(function) == "apply")
        return function;
  return func::FuncOp();
}

FailureOr<NamedTensors> mlir::hydra::interpretModule(ModuleOp module, const NamedTensors &inputs,
                                                     Precision precision, bool training) {
  SmallVector<func::FuncOp> functions = interpretedFunctions(module);
  InterpretOptions options;
  options.precision = precision;
  options.probes = true;
  options.training = training;
  NamedTensors results;
  SmallVector<LanguageModelOp> models(module.getOps<LanguageModelOp>());
  if (functions.empty() && models.empty())
    return module.emitError("expected a function or a hydra.model to interpret, found neither"),
           failure();
  if (functions.empty()) {
    FailureOr<NamedTensors> run = interpretModel(models.front(), inputs, options);
    if (failed(run))
      return failure();
    collectResults(results, *std::move(run), "");
    return results;
  }
  for (func::FuncOp function : functions) {
    std::string prefix = functions.size() > 1 ? function.getSymName().str() + ":" : "";
    // Everything of this function: structural ops find their parameters by name, not by argument.
    NamedTensors bindings;
    for (const auto &[key, tensor] : inputs)
      if (StringRef name(key); name.consume_front(prefix))
        bindings.emplace(name.str(), tensor);
    if (failed(addDerived(module, bindings, options)))
      return failure();
    addStartValues(function, bindings);
    FailureOr<NamedTensors> run = interpretFunction(function, bindings, options);
    if (failed(run))
      return failure();
    if (func::FuncOp apply = applyOf(module, functions); apply && inputs.count("optimizer/steps")) {
      // What accumulate has updated, apply updates once more.
      for (const auto &[key, tensor] : *run)
        bindings[key] = tensor;
      addStartValues(apply, bindings);
      FailureOr<NamedTensors> applied = interpretFunction(apply, bindings, options);
      if (failed(applied))
        return failure();
      collectResults(results, *std::move(applied), prefix);
    }
    collectResults(results, *std::move(run), prefix);
  }
  return results;
}
