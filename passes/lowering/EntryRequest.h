// A requested entry point, as written on the command line: NAME@BxS.
#ifndef HYDRA_PASSES_LOWERING_ENTRYREQUEST_H
#define HYDRA_PASSES_LOWERING_ENTRYREQUEST_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>

namespace mlir::hydra {

// `name` is train, eval or extend; batch and seq are at least 1.
struct EntryRequest {
  std::string name;
  int64_t batch, seq;

  // "train@8x512", as it is written.
  std::string str() const;
  // "train_8x512_fixed": symbol of the function (docs/contracts.md).
  std::string symbol(StringRef variant) const;

  bool operator==(const EntryRequest &) const = default;
};

// Reads NAME@BxS. The error says what is allowed.
llvm::Expected<EntryRequest> parseEntryRequest(StringRef text);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_LOWERING_ENTRYREQUEST_H
