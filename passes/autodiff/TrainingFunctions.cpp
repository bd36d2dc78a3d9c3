// train -> accumulate.
#include "passes/autodiff/Differentiation.h"
#include "passes/autodiff/GradientChain.h"
#include "passes/autodiff/ReverseSweep.h"
#include "passes/autodiff/Signature.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::hydra;

ParameterTable::ParameterTable(ModuleOp module) {
  module.walk([&](ParamOp param) {
    indexOf[param.getSymName()] = parameters.size();
    parameters.push_back(param);
  });
  hasGradient.resize(parameters.size());
}

namespace {

// A parameter argument and its place in the table.
struct ParameterArgument {
  Value value;
  StringAttr name;
  unsigned index;
};

class TrainingFunction {
public:
  TrainingFunction(func::FuncOp function, ParameterTable &table, DifferentiationCounts &counts)
      : function(function), body(function.getBody().front()), table(table), counts(counts) {}

  LogicalResult collectParameters();
  LogicalResult findLoss();
  LogicalResult differentiate(bool probe);
  void recordLosses();
  void rename();

private:
  Value markRaw(Value gradient, StringAttr name);
  Value presenceOf(ArrayRef<OpOperand *> uses);
  void updatePresent(const ReverseSweep &sweep);

  func::FuncOp function;
  Block &body;
  ParameterTable &table;
  DifferentiationCounts &counts;
  SmallVector<ParameterArgument> parameters;
  Value loss;
};

LogicalResult TrainingFunction::collectParameters() {
  for (BlockArgument argument : function.getArguments()) {
    BindingAttr binding = getArgumentBinding(function, argument.getArgNumber());
    if (!binding || binding.getKind() != BindingKind::parameter)
      continue;
    auto found = table.indexOf.find(binding.getName().getValue());
    if (found == table.indexOf.end())
      return function.emitOpError("has parameter '")
             << binding.getName().getValue()
             << "', which is not in the module's parameter table; add a hydra.param of this name";
    Type declared = table.parameters[found->second].getType();
    if (declared != argument.getType()) {
      InFlightDiagnostic error = function.emitOpError("has parameter '")
                                 << binding.getName().getValue() << "' of type "
                                 << argument.getType() << ", expected " << declared;
      error.attachNote(table.parameters[found->second].getLoc()) << "as declared here";
      return error;
    }
    Type element = tensorType(argument).getElementType();
    if (!element.isF32() && !element.isF64())
      return function.emitOpError("has parameter '")
             << binding.getName().getValue() << "' of element type " << element
             << ", expected f32 or f64: gradients are accumulated in the parameter's own type, "
                "and the precision stage comes after autodiff";
    parameters.push_back({argument, binding.getName(), found->second});
  }
  return success();
}

LogicalResult TrainingFunction::findLoss() {
  for (auto [index, value] : llvm::enumerate(getReturn(function).getOperands())) {
    BindingAttr binding = getResultBinding(function, index);
    if (binding && binding.getKind() == BindingKind::output && binding.getName() == "loss.total")
      loss = value;
  }
  if (!loss)
    return function.emitOpError("has no result bound to output \"loss.total\", which is what a "
                                "train entry differentiates");
  auto type = dyn_cast<RankedTensorType>(loss.getType());
  if (!type || type.getRank() != 0 || !isa<FloatType>(type.getElementType()))
    return function.emitOpError("has output \"loss.total\" of type ")
           << loss.getType() << ", expected a scalar of floating point";
  return success();
}

// Names a raw gradient for --probe. The attribute names an op's first result, so that a gradient
// which is not one, or which already has a name, is first given an op of its own.
Value TrainingFunction::markRaw(Value gradient, StringAttr name) {
  Operation *op = gradient.getDefiningOp();
  if (!op || op->getResult(0) != gradient || op->hasAttr(kProbeAttrName)) {
    OpBuilder builder(function.getContext());
    if (op)
      builder.setInsertionPointAfter(op);
    else
      builder.setInsertionPointToStart(&body);
    gradient =
        ReshapeOp::create(builder, gradient.getLoc(), gradient, tensorType(gradient).getShape());
    op = gradient.getDefiningOp();
  }
  op->setDiscardableAttr(kProbeAttrName,
                         StringAttr::get(function.getContext(), "gradient." + name.getValue()));
  return gradient;
}

// Whether some use has a gradient in this execution, an i32 scalar; null if one always has.
Value TrainingFunction::presenceOf(ArrayRef<OpOperand *> uses) {
  OpBuilder builder(body.getTerminator());
  AdjointBuilder adjoint(builder, function.getLoc());
  Value present;
  for (OpOperand *use : uses) {
    auto op = cast<DifferentiableOpInterface>(use->getOwner());
    Value used = op.buildPresence(builder, use->getOperandNumber());
    if (!used)
      return Value();
    present = present ? adjoint.binary(BinaryKind::max, present, used) : used;
  }
  return present;
}

// present = max(present, mask). The mask is a constant but for parameters of ops that may be idle,
// such as experts that no token chose.
void TrainingFunction::updatePresent(const ReverseSweep &sweep) {
  OpBuilder builder(body.getTerminator());
  AdjointBuilder adjoint(builder, function.getLoc());
  auto vectorOf = [&](size_t size) {
    return RankedTensorType::get({static_cast<int64_t>(size)}, builder.getI32Type());
  };
  SmallVector<Value> pieces;
  SmallVector<int32_t> known;
  auto endConstant = [&] {
    if (!known.empty())
      pieces.push_back(
          ConstantOp::create(builder, function.getLoc(),
                             DenseElementsAttr::get(vectorOf(known.size()), ArrayRef(known))));
    known.clear();
  };
  SmallVector<Value> valueOf(table.size());
  for (const ParameterArgument &parameter : parameters)
    valueOf[parameter.index] = parameter.value;
  for (Value value : valueOf) {
    bool reached = value && !sweep.contributions(value).empty();
    Value present = reached ? presenceOf(sweep.uses(value)) : Value();
    if (!present) {
      known.push_back(reached);
      continue;
    }
    endConstant();
    pieces.push_back(adjoint.reshape(present, {1}));
  }
  endConstant();
  Value mask = pieces.size() == 1
                   ? pieces.front()
                   : ConcatOp::create(builder, function.getLoc(), pieces, Value()).getResult();
  Value present =
      appendArgument(function, vectorOf(table.size()), BindingKind::optimizer, "present");
  appendResult(function, adjoint.binary(BinaryKind::max, present, mask), BindingKind::optimizer,
               "present");
}

LogicalResult TrainingFunction::differentiate(bool probe) {
  SmallVector<Value> wanted;
  for (const ParameterArgument &parameter : parameters)
    wanted.push_back(parameter.value);
  ReverseSweep sweep(body, wanted);
  if (!sweep.dependsOnWanted(loss))
    return function.emitOpError("has an output \"loss.total\" that depends on no parameter through "
                                "differentiable ops; there is nothing to train");

  Value scale = findArgument(function, BindingKind::control, "loss_scale");
  if (!scale) {
    scale = appendArgument(function, loss.getType(), BindingKind::control, "loss_scale");
    function.setArgAttr(function.getNumArguments() - 1, kInitialAttrName,
                        FloatAttr::get(Float64Type::get(function.getContext()), 1.0));
  }
  if (scale.getType() != loss.getType())
    return function.emitOpError("has control \"loss_scale\" of type ")
           << scale.getType() << ", expected the type of \"loss.total\", " << loss.getType();
  sweep.seed(loss, scale);
  if (failed(sweep.run()))
    return failure();
  counts.adjointOps += sweep.createdOps();

  SmallVector<ArrayRef<Value>> all;
  for (const ParameterArgument &parameter : parameters)
    all.push_back(sweep.contributions(parameter.value));
  GradientChain chain(all);
  for (const ParameterArgument &parameter : parameters) {
    ArrayRef<Value> contributions = sweep.contributions(parameter.value);
    if (contributions.empty()) {
      ++counts.withoutGradient;
      continue;
    }
    Value accumulator = appendArgument(function, parameter.value.getType(), BindingKind::gradient,
                                       parameter.name.getValue());
    Value updated;
    if (probe) {
      Value raw = markRaw(chain.sum(contributions), parameter.name);
      updated = chain.add(accumulator, raw);
    } else {
      updated = chain.accumulate(accumulator, contributions);
    }
    appendResult(function, updated, BindingKind::gradient, parameter.name.getValue());
    table.hasGradient.set(parameter.index);
  }
  counts.folded += chain.folded();
  counts.added += chain.added();
  updatePresent(sweep);
  eraseUnused(body);
  return success();
}

// Every loss term is a field of the step record: the mean over the micro-batches. Other outputs
// stay as they are, or as who made them marked them.
void TrainingFunction::recordLosses() {
  for (unsigned index = 0; index < function.getNumResults(); ++index) {
    BindingAttr binding = getResultBinding(function, index);
    if (binding && binding.getKind() == BindingKind::output &&
        binding.getName().getValue().starts_with("loss."))
      markRecordField(function, index, "mean");
  }
}

void TrainingFunction::rename() {
  auto entry = function->getAttrOfType<EntryAttr>(kEntryAttrName);
  std::string symbol = llvm::formatv("accumulate_{0}x{1}", entry.getBatch(), entry.getSeq());
  if (!entry.getVariant().empty())
    symbol += "_" + entry.getVariant().str();
  function.setSymName(symbol);
  function->setAttr(kEntryAttrName,
                    EntryAttr::get(function.getContext(),
                                   StringAttr::get(function.getContext(), "accumulate"),
                                   entry.getBatch(), entry.getSeq(), entry.getVariant()));
}

} // namespace

LogicalResult hydra::differentiateTraining(func::FuncOp function, ParameterTable &table, bool probe,
                                           DifferentiationCounts &counts) {
  if (failed(requireStraightLine(function)))
    return failure();
  TrainingFunction training(function, table, counts);
  if (failed(training.collectParameters()) || failed(training.findLoss()) ||
      failed(training.differentiate(probe)))
    return failure();
  training.recordLosses();
  training.rename();
  return success();
}
