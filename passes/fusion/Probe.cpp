// hydra-probe: named intermediate values become outputs.
#include "passes/fusion/Passes.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/GlobPattern.h"

namespace mlir::hydra {
#define GEN_PASS_DEF_PROBEPASS
#include "passes/fusion/Passes.h.inc"
} // namespace mlir::hydra

using namespace mlir;
using namespace mlir::hydra;

namespace {

struct Pattern {
  StringRef text;
  llvm::GlobPattern glob;
  bool matched = false;
};

class ProbePass : public mlir::hydra::impl::ProbePassBase<ProbePass> {
public:
  using ProbePassBase::ProbePassBase;

  void runOnOperation() override {
    SmallVector<Pattern> globs;
    for (const std::string &text : patterns) {
      llvm::Expected<llvm::GlobPattern> glob = llvm::GlobPattern::create(text);
      if (!glob) {
        getOperation().emitError("probe pattern '")
            << text << "' is not a glob pattern: " << llvm::toString(glob.takeError());
        return signalPassFailure();
      }
      globs.push_back({text, std::move(*glob)});
    }
    SmallVector<std::string> names;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal())
        probeFunction(function, globs, names);
    for (const Pattern &pattern : globs)
      if (!pattern.matched) {
        reportUnmatched(pattern, names);
        signalPassFailure();
      }
  }

private:
  void probeFunction(func::FuncOp function, MutableArrayRef<Pattern> globs,
                     SmallVectorImpl<std::string> &names) {
    Operation *terminator = function.getBody().back().getTerminator();
    SmallVector<Value> values(terminator->getOperands());
    llvm::StringMap<int> occurrences;
    function.walk([&](Operation *op) {
      auto name = op->getAttrOfType<StringAttr>(kProbeAttrName);
      if (!name || op->getNumResults() == 0 || op->getParentOp() != function)
        return;
      names.push_back(name.str());
      bool wanted = false;
      for (Pattern &pattern : globs)
        if (pattern.glob.match(name.getValue()))
          pattern.matched = wanted = true;
      if (!wanted)
        return;
      std::string output = "probe." + name.str();
      if (int count = ++occurrences[name.getValue()]; count > 1)
        output += "." + std::to_string(count);
      addOutput(function, values.size(), op->getResult(0).getType(), output);
      values.push_back(op->getResult(0));
      ++numProbed;
    });
    terminator->setOperands(values);
  }

  void addOutput(func::FuncOp function, unsigned index, Type type, StringRef name) {
    MLIRContext *context = &getContext();
    auto binding = BindingAttr::get(context, BindingKind::output, StringAttr::get(context, name));
    auto attributes = DictionaryAttr::get(
        context, NamedAttribute(StringAttr::get(context, kBindingAttrName), binding));
    (void)function.insertResult(index, type, attributes);
  }

  void reportUnmatched(const Pattern &pattern, ArrayRef<std::string> names) {
    InFlightDiagnostic diagnostic = getOperation().emitError("probe pattern '")
                                    << pattern.text << "' matches none of " << names.size()
                                    << " named values";
    if (names.empty())
      return;
    constexpr size_t kShown = 8;
    ArrayRef<std::string> shown = names.take_front(kShown);
    diagnostic.attachNote() << "named values: " << llvm::join(shown, ", ")
                            << (names.size() > kShown ? ", ..." : "");
  }
};

} // namespace
