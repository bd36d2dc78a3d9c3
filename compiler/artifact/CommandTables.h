// From plan commands to runtime/base/command.h. Private to this folder.
#ifndef HYDRA_COMPILER_ARTIFACT_COMMANDTABLES_H
#define HYDRA_COMPILER_ARTIFACT_COMMANDTABLES_H

#include "dialects/plan/PlanDialect.h"
#include "runtime/base/command.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::hydra {

::hydra::hal::BufferRef toRef(plan::RefAttr ref);
// Fails with a diagnostic at `op` for a type that artifacts do not know.
FailureOr<::hydra::hal::ElementType> toElementType(Operation *op, Type type);

// Numbers of kernels and scopes while commands are converted.
class CommandTables {
public:
  // The scope "" has number 0.
  CommandTables() { scopeIndex(""); }

  void addKernel(StringRef symbol, uint32_t firstStage) { kernels[symbol] = firstStage; }
  FailureOr<::hydra::hal::CommandSequence> convert(Block &block);
  const std::vector<std::string> &getScopes() const { return scopes; }

private:
  FailureOr<::hydra::hal::Command> convertOp(Operation &op);
  FailureOr<::hydra::hal::MatmulCommand> convertMatmul(plan::MatmulOp op);
  uint32_t scopeIndex(StringRef scope);

  llvm::StringMap<uint32_t> kernels;
  llvm::StringMap<uint32_t> scopeNumbers;
  std::vector<std::string> scopes;
};

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_ARTIFACT_COMMANDTABLES_H
