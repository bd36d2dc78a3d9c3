// The flags that MLIR and LLVM bring along, by what they mean while hydra-opt compiles.
#ifndef HYDRA_TOOLS_HYDRA_OPT_STOCKFLAGS_H
#define HYDRA_TOOLS_HYDRA_OPT_STOCKFLAGS_H

#include "mlir/IR/DialectRegistry.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/CommandLine.h"

#include <string>

// Construct after our own flags and before the command line is parsed; main() owns the only
// instance. All stock flags stay valid; --help does not list them, --help-hidden does, by group.
class StockFlags {
public:
  // Registers the flags of mlir-opt, passes included, and sorts them and those of LLVM into groups.
  explicit StockFlags(mlir::DialectRegistry &registry);

  // The first of `arguments` that only means something where passes are run by hand, with its
  // dashes: it would be ignored while compiling. "" if there is none.
  std::string firstOfPassMode(llvm::ArrayRef<char *> arguments) const;

private:
  llvm::cl::OptionCategory compiling, passMode, codeGeneration;
  llvm::StringMap<bool> passModeNames;
};

#endif // HYDRA_TOOLS_HYDRA_OPT_STOCKFLAGS_H
