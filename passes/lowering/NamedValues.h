// Values that primitives name (hydra.probe), found by glob patterns. For passes that observe or
// replace them.
#ifndef HYDRA_PASSES_LOWERING_NAMEDVALUES_H
#define HYDRA_PASSES_LOWERING_NAMEDVALUES_H

#include "dialects/hydra/HydraDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/GlobPattern.h"

namespace mlir::hydra {

class NamePatterns {
public:
  // `what` names the patterns in messages. Fails with a diagnostic at `module` if one is no glob.
  static FailureOr<NamePatterns> create(ModuleOp module, StringRef what,
                                        ArrayRef<std::string> patterns);

  struct NamedValue {
    Operation *op;    // the value is its first result
    std::string name; // of a name that occurs again in the function: NAME.2, NAME.3, ...
  };
  // The named values of `function` that match, in the order of the program.
  SmallVector<NamedValue> match(func::FuncOp function);

  // Fails with a diagnostic for each pattern that nothing has matched.
  LogicalResult verifyAllMatched() const;

private:
  struct Pattern {
    StringRef text;
    llvm::GlobPattern glob;
    bool matched = false;
  };

  NamePatterns(ModuleOp module, StringRef what) : module(module), what(what) {}

  ModuleOp module;
  StringRef what;
  SmallVector<Pattern> patterns;
  SmallVector<std::string> names; // of all named values seen
};

} // namespace mlir::hydra

#endif // HYDRA_PASSES_LOWERING_NAMEDVALUES_H
