#include "compiler/interpreter/Interpreter.h"

#include "compiler/interpreter/Interpretation.h"
#include "compiler/interpreter/ModelState.h"
#include "dialects/rows/RowsDialect.h"

using namespace mlir;
using namespace mlir::hydra;

void mlir::hydra::registerInterpreterExternalModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, HydraDialect *) {
    attachElementwiseInterpretation(context);
    attachReshapingInterpretation(context);
    attachMatmulInterpretation(context);
    attachRowInterpretation(context);
    attachSequenceInterpretation(context);
    attachAttentionInterpretation(context);
    attachMoveInterpretation(context);
    attachRoutingPrimitiveInterpretation(context);
    attachLossInterpretation(context);
    attachSamplingInterpretation(context);
    attachStructureInterpretation(context);
    attachRoutingInterpretation(context);
    attachCcgqaInterpretation(context);
    attachOpenInterpretation(context);
  });
  registry.addExtension(
      +[](MLIRContext *context, rows::RowsDialect *) { attachRowProgramInterpretation(context); });
}

static std::string bindingKey(BindingAttr binding) {
  return (stringifyBindingKind(binding.getKind()) + "/" + binding.getName().getValue()).str();
}

std::string mlir::hydra::argumentKey(func::FuncOp function, unsigned index) {
  if (auto binding = function.getArgAttrOfType<BindingAttr>(index, kBindingAttrName))
    return bindingKey(binding);
  return "arg" + std::to_string(index);
}

std::string mlir::hydra::resultKey(func::FuncOp function, unsigned index) {
  if (auto binding = function.getResultAttrOfType<BindingAttr>(index, kBindingAttrName))
    return bindingKey(binding);
  return "result" + std::to_string(index);
}

// Gives one argument its tensor, or says why it cannot.
static LogicalResult bindArgument(func::FuncOp function, BlockArgument argument,
                                  const NamedTensors &bindings, InterpreterFrame &frame) {
  std::string key = argumentKey(function, argument.getArgNumber());
  auto type = dyn_cast<RankedTensorType>(argument.getType());
  auto kind = type && type.hasStaticShape() ? elementKindOf(type.getElementType()) : std::nullopt;
  if (!kind)
    return function.emitOpError("cannot be interpreted: argument \"")
           << key << "\" has type " << argument.getType()
           << ", expected a static tensor of f32, bf16, f64 or i32";
  auto found = bindings.find(key);
  if (found == bindings.end())
    return function.emitOpError("expected an input \"")
           << key << "\" of type " << describeType(type) << ", found none of that name";
  const TensorValue &given = found->second;
  bool integerExpected = *kind == ElementKind::i32;
  if (given.shape() != type.getShape() || (given.kind() == ElementKind::i32) != integerExpected)
    return function.emitOpError("expected input \"")
           << key << "\" of type " << describeType(type) << ", found " << given.describeType();
  frame.set(argument, TensorValue(*kind, given.shape(), given.elements().vec()));
  return success();
}

FailureOr<NamedTensors> mlir::hydra::interpretFunction(func::FuncOp function,
                                                       const NamedTensors &bindings,
                                                       const InterpretOptions &options) {
  if (function.isExternal() || !function.getBody().hasOneBlock())
    return function.emitOpError("cannot be interpreted: expected a body of one block");
  NamedTensors outputs;
  std::mt19937_64 perturbation(options.perturbation);
  InterpreterFrame frame(options.precision, options.probes ? &outputs : nullptr,
                         options.perturbation ? &perturbation : nullptr);
  ModelState state(LanguageModelOp(), bindings);
  state.training = options.training;
  frame.setModel(&state);
  Block &block = function.getBody().front();
  for (BlockArgument argument : block.getArguments())
    if (failed(bindArgument(function, argument, bindings, frame)))
      return failure();
  if (failed(frame.interpretBody(block)))
    return failure();
  for (auto [index, value] : llvm::enumerate(block.getTerminator()->getOperands()))
    outputs[resultKey(function, index)] = frame.get(value);
  return outputs;
}
