// hydra-derive-weights: one bf16 copy per weight, made when the weight changes.
#include "passes/autodiff/Signature.h"
#include "passes/precision/Passes.h"

namespace mlir::hydra {
#define GEN_PASS_DEF_HYDRADERIVEWEIGHTS
#include "passes/precision/Passes.h.inc"
} // namespace mlir::hydra

using namespace mlir;
using namespace mlir::hydra;

static constexpr llvm::StringLiteral kDerive = "derive";

namespace {

class DeriveWeights : public mlir::hydra::impl::HydraDeriveWeightsBase<DeriveWeights> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    // Parameters with a copy, by name, and the type of the copy.
    llvm::StringMap<Type> derived;
    func::FuncOp apply;
    for (auto function : module.getOps<func::FuncOp>()) {
      auto entry = function->getAttrOfType<EntryAttr>(kEntryAttrName);
      if (entry && entry.getName() == "apply")
        apply = function;
      else if (entry)
        takeCopies(function, derived);
    }
    numDerived += derived.size();
    if (derived.empty())
      return;
    if (Operation *existing = module.lookupSymbol(kDerive)) {
      existing->emitOpError("takes the name '")
          << kDerive << "', which the entry that fills the copies of weights needs; rename it";
      return signalPassFailure();
    }
    if (apply)
      renewCopies(apply, derived);
    addDerive(module, derived);
  }

  // Casts of parameter arguments become arguments.
  static void takeCopies(func::FuncOp function, llvm::StringMap<Type> &derived) {
    for (unsigned i = 0, count = function.getNumArguments(); i < count; ++i) {
      BindingAttr binding = getArgumentBinding(function, i);
      if (!binding || binding.getKind() != BindingKind::parameter)
        continue;
      Value copy;
      for (Operation *user : llvm::make_early_inc_range(function.getArgument(i).getUsers())) {
        auto cast = dyn_cast<CastOp>(user);
        if (!cast || !cast.getElementType().isBF16() || cast.getRows())
          continue;
        if (!copy)
          copy = appendArgument(function, cast.getType(), BindingKind::derived,
                                binding.getName().getValue());
        cast.replaceAllUsesWith(copy);
        cast.erase();
      }
      if (copy)
        derived[binding.getName().getValue()] = copy.getType();
    }
  }

  static Value castOf(OpBuilder &builder, Value value) {
    return CastOp::create(builder, value.getLoc(), value, TypeAttr::get(builder.getBF16Type()),
                          Value());
  }

  // What the optimizer changes it also rounds.
  static void renewCopies(func::FuncOp apply, const llvm::StringMap<Type> &derived) {
    for (unsigned i = 0, count = apply.getNumResults(); i < count; ++i) {
      BindingAttr binding = getResultBinding(apply, i);
      if (!binding || binding.getKind() != BindingKind::parameter ||
          !derived.contains(binding.getName().getValue()))
        continue;
      OpBuilder builder(getReturn(apply));
      Value updated = getReturn(apply).getOperand(i);
      appendResult(apply, castOf(builder, updated), BindingKind::derived,
                   binding.getName().getValue());
    }
  }

  static void addDerive(ModuleOp module, const llvm::StringMap<Type> &derived) {
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    auto function =
        func::FuncOp::create(builder, module.getLoc(), kDerive, builder.getFunctionType({}, {}));
    function->setAttr(kEntryAttrName,
                      EntryAttr::get(builder.getContext(), builder.getStringAttr(kDerive), 0, 0,
                                     builder.getStringAttr("")));
    builder.setInsertionPointToEnd(function.addEntryBlock());
    func::ReturnOp end = func::ReturnOp::create(builder, module.getLoc());
    // In the order of the parameter table.
    for (auto parameter : module.getOps<ParamOp>()) {
      if (!derived.contains(parameter.getSymName()))
        continue;
      Value value = appendArgument(function, parameter.getType(), BindingKind::parameter,
                                   parameter.getSymName());
      builder.setInsertionPoint(end);
      appendResult(function, castOf(builder, value), BindingKind::derived, parameter.getSymName());
    }
  }
};

} // namespace
