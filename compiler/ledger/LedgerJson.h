// The fusion ledger of a planned module as JSON, as artifacts keep it (runtime/io/ledger.h reads
// it), and rendered for --explain.
#ifndef HYDRA_COMPILER_LEDGER_LEDGERJSON_H
#define HYDRA_COMPILER_LEDGER_LEDGERJSON_H

#include "compiler/codegen/CudaCode.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

#include <string>

namespace mlir::hydra {

// Target, level, kernels of the plan with their ops and launches, decisions; text that ends in a
// newline, the same for the same module. With `code` (target cuda) also what every kernel takes of
// a multiprocessor; runtime/io/gpu_report.h reads that part.
std::string ledgerJson(ModuleOp plan, StringRef target, const CudaCode *code = nullptr);

// `json`, from above, in a format that --explain names: text, json or html.
llvm::Expected<std::string> renderLedger(const std::string &json, StringRef format);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_LEDGER_LEDGERJSON_H
