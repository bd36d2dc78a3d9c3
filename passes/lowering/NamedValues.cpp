#include "passes/lowering/NamedValues.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace mlir::hydra;

FailureOr<NamePatterns> NamePatterns::create(ModuleOp module, StringRef what,
                                             ArrayRef<std::string> patterns) {
  NamePatterns result(module, what);
  for (const std::string &text : patterns) {
    llvm::Expected<llvm::GlobPattern> glob = llvm::GlobPattern::create(text);
    if (!glob)
      return module.emitError(what)
             << " pattern '" << text
             << "' is not a glob pattern: " << llvm::toString(glob.takeError());
    result.patterns.push_back({text, std::move(*glob)});
  }
  return result;
}

SmallVector<NamePatterns::NamedValue> NamePatterns::match(func::FuncOp function) {
  SmallVector<NamedValue> found;
  llvm::StringMap<int> occurrences;
  function.walk([&](Operation *op) {
    auto name = op->getAttrOfType<StringAttr>(kProbeAttrName);
    if (!name || op->getNumResults() == 0 || op->getParentOp() != function)
      return;
    names.push_back(name.str());
    bool wanted = false;
    for (Pattern &pattern : patterns)
      if (pattern.glob.match(name.getValue()))
        pattern.matched = wanted = true;
    if (!wanted)
      return;
    int count = ++occurrences[name.getValue()];
    found.push_back({op, count > 1 ? name.str() + "." + std::to_string(count) : name.str()});
  });
  return found;
}

LogicalResult NamePatterns::verifyAllMatched() const {
  LogicalResult result = success();
  for (const Pattern &pattern : patterns) {
    if (pattern.matched)
      continue;
    InFlightDiagnostic diagnostic = module->emitError(what)
                                    << " pattern '" << pattern.text << "' matches none of "
                                    << names.size() << " named values";
    result = diagnostic;
    if (names.empty())
      continue;
    constexpr size_t kShown = 8;
    ArrayRef<std::string> shown = ArrayRef(names).take_front(kShown);
    diagnostic.attachNote() << "named values: " << llvm::join(shown, ", ")
                            << (names.size() > kShown ? ", ..." : "");
  }
  return result;
}
