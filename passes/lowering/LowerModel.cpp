// hydra-lower-model: reads the options, instantiates the entries, removes the model.
#include "passes/lowering/Calls.h"
#include "passes/lowering/EntryRequest.h"
#include "passes/lowering/ModelLowering.h"
#include "passes/lowering/ParameterTable.h"
#include "passes/lowering/Passes.h"
#include "passes/lowering/PhaseFacts.h"
#include "llvm/ADT/StringExtras.h"

namespace mlir::hydra {
#define GEN_PASS_DEF_LOWERMODEL
#include "passes/lowering/Passes.h.inc"
} // namespace mlir::hydra

using namespace mlir;
using namespace mlir::hydra;

namespace {

class LowerModel : public hydra::impl::LowerModelBase<LowerModel> {
public:
  using LowerModelBase::LowerModelBase;

  void runOnOperation() override {
    if (failed(lower()))
      signalPassFailure();
  }

private:
  std::optional<EntryRequest> decoding; // the first extend entry

  LogicalResult lower() {
    DenseSet<func::FuncOp> called; // blocks of the spec's own, no functions of the program
    getOperation().walk([&](CallOp call) { called.insert(calledFunction(call)); });
    if (failed(lowerFunctions(called)) || failed(lowerModels()))
      return failure();
    for (func::FuncOp function : called)
      function.erase();
    return success();
  }

  LogicalResult lowerModels() {
    ModuleOp module = getOperation();
    SmallVector<LanguageModelOp> models(module.getOps<LanguageModelOp>());
    if (models.empty()) {
      if (llvm::all_of(entries, [](StringRef text) { return text.empty(); }))
        return success();
      return module.emitError("entries were requested, but the module holds no hydra.model");
    }
    if (models.size() > 1 && variantOf(models[1]).empty())
      return models[1].emitOpError("expected at most one hydra.model in a module");
    // Entries in the order of the request, each in all its variants.
    if (entries.empty())
      return models.front().emitOpError(
          "no entry was requested; pass for example entries=train@8x512");
    if (failed(checkRule(models)))
      return failure();
    for (StringRef entry : entries)
      for (LanguageModelOp model : models)
        if (failed(lowerModel(model, entry)))
          return failure();
    describe(models.front());
    for (LanguageModelOp model : models)
      model.erase();
    return success();
  }

  // Extend entries share the state of their sequences, one per row of the batch.
  LogicalResult checkRows(LanguageModelOp model, const EntryRequest &entry) {
    if (entry.name != "extend")
      return success();
    if (!decoding)
      decoding = entry;
    if (entry.batch == decoding->batch)
      return success();
    return model.emitOpError("expected extend entries of one batch, which share the state of their "
                             "sequences, found ")
           << decoding->str() << " and " << entry.str() << "; compile an artifact for each batch";
  }

  // The variant that routing made the model for; empty if it was not routed.
  static StringRef variantOf(LanguageModelOp model) {
    auto entry = model->getAttrOfType<EntryAttr>(kEntryAttrName);
    return entry ? entry.getVariant().getValue() : StringRef();
  }

  static WalkResult visitSelecting(LanguageModelOp model,
                                   function_ref<WalkResult(DepthRoutingOp)> visit) {
    return model.walk([&](DepthRoutingOp op) {
      return modeOf(op) == DepthRoutingMode::hard && hasDepthRouterSomewhere(op)
                 ? visit(op)
                 : WalkResult::advance();
    });
  }

  // A rule that selects nothing anywhere is a mistake.
  LogicalResult checkRule(ArrayRef<LanguageModelOp> models) {
    if (modRule.empty())
      return success();
    LanguageModelOp first = models.front();
    if (failed(modeOfRule(modRule, DepthRoutingMode::hard)))
      return first.emitOpError("expected the rule ")
             << llvm::join(ArrayRef<llvm::StringLiteral>(kSelectionRules), ", ") << ", found '"
             << StringRef(modRule) << "'";
    bool asked = llvm::any_of(entries, [](StringRef text) { return !text.starts_with("train@"); });
    for (LanguageModelOp model : models)
      if (asked && visitSelecting(model, [](DepthRoutingOp) {
                     return WalkResult::interrupt();
                   }).wasInterrupted())
        return success();
    return first.emitOpError("mod_rule = ")
           << StringRef(modRule) << " has no effect: no eval or extend entry selects tokens by "
           << "depth; drop it, or compile with --routing=dynamic";
  }

  // The model as `entry` computes it: what selects tokens by looking at later ones is replaced
  // where there are none, and where a rule is asked for.
  OwningOpRef<LanguageModelOp> asComputedBy(const EntryRequest &entry, LanguageModelOp model) {
    OpBuilder builder(model);
    OwningOpRef<LanguageModelOp> copy(cast<LanguageModelOp>(builder.clone(*model)));
    StringRef rule = entry.name == "train" ? StringRef() : StringRef(modRule);
    if (rule.empty() && entry.name == "extend")
      rule = kDefaultSelectionRule;
    DepthRoutingMode mode = *modeOfRule(rule, DepthRoutingMode::hard);
    visitSelecting(*copy, [&](DepthRoutingOp op) {
      setMode(op, mode);
      return WalkResult::advance();
    });
    return copy;
  }

  LogicalResult lowerModel(LanguageModelOp model, StringRef text) {
    llvm::Expected<EntryRequest> entry = parseEntryRequest(text);
    if (!entry)
      return model.emitOpError(llvm::toString(entry.takeError()));
    if (failed(checkRows(model, *entry)))
      return failure();
    int64_t created = 0;
    StringRef variant = variantOf(model).empty() ? "fixed" : variantOf(model);
    OwningOpRef<LanguageModelOp> computed = asComputedBy(*entry, model);
    if (failed(lowerEntry(*computed, *entry, variant, {cache, allLogits}, created)))
      return failure();
    ++functions;
    primitives += created;
    return success();
  }

  // What stays of the model.
  void describe(LanguageModelOp model) {
    Builder builder(model);
    StringRef name = model.getSymName();
    if (StringRef variant = variantOf(model); !variant.empty())
      name = name.drop_back(variant.size() + 1);
    SmallVector<NamedAttribute> facts = {
        builder.getNamedAttr("name", builder.getStringAttr(name)),
        builder.getNamedAttr("vocab_size", model.getVocabSizeAttr()),
        builder.getNamedAttr("dim", model.getDimAttr()),
        builder.getNamedAttr("max_seq_len", model.getMaxSeqLenAttr()),
        builder.getNamedAttr("rules", builder.getStringAttr(model.getRules()))};
    appendPhaseFacts(model, facts);
    getOperation()->setAttr(kModelInfoAttrName, builder.getDictionaryAttr(facts));
  }

  LogicalResult lowerFunctions(const DenseSet<func::FuncOp> &called) {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal() || called.contains(function))
        continue;
      if (function.isPrivate())
        return function.emitOpError("is private, and nothing calls it: call it with hydra.call @")
               << function.getName() << "(...) as \"NAME\", make it public, or remove it";
      int64_t created = 0;
      bindPlainFunction(function);
      if (failed(lowerFunction(function, created)))
        return failure();
      functions += created > 0;
      primitives += created;
    }
    return success();
  }

  // Arguments and results without a binding are inputs argN and outputs resultN.
  void bindPlainFunction(func::FuncOp function) {
    auto binding = [&](BindingKind kind, const Twine &name) {
      return BindingAttr::get(&getContext(), kind, StringAttr::get(&getContext(), name));
    };
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      if (!function.getArgAttr(i, kBindingAttrName))
        function.setArgAttr(i, kBindingAttrName, binding(BindingKind::input, "arg" + Twine(i)));
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      if (!function.getResultAttr(i, kBindingAttrName))
        function.setResultAttr(i, kBindingAttrName,
                               binding(BindingKind::output, "result" + Twine(i)));
  }
};

} // namespace
