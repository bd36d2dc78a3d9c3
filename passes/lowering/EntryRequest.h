// A requested entry point, as written on the command line: NAME@BxS.
#ifndef HYDRA_PASSES_LOWERING_ENTRYREQUEST_H
#define HYDRA_PASSES_LOWERING_ENTRYREQUEST_H

#include "mlir/IR/Diagnostics.h"
#include "mlir/Support/LLVM.h"

#include <string>

namespace mlir::hydra {

// `name` is train, eval or extend; batch and seq are at least 1.
struct EntryRequest {
  std::string name;
  int64_t batch, seq;

  // "train_8x512_fixed": symbol of the function (docs/contracts.md).
  std::string symbol(StringRef variant) const;
};

// Reads NAME@BxS. Errors go to `emitError` and say what is allowed.
FailureOr<EntryRequest> parseEntryRequest(StringRef text,
                                          function_ref<InFlightDiagnostic()> emitError);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_LOWERING_ENTRYREQUEST_H
