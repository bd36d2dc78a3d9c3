// What to do about the messages of the MLIR parser, which know the grammar and not the reader.
// Private to this folder.
#ifndef HYDRA_FRONTEND_PARSEHINTS_H
#define HYDRA_FRONTEND_PARSEHINTS_H

#include "mlir/IR/Diagnostics.h"

namespace mlir::hydra {

// While it lives, errors located in `text` get a note that says what to write instead, where the
// message and the text at its place tell. The diagnostic then goes on to the next handler.
class ParseHints {
public:
  // `text` must outlive the hints; `source` is its name in locations.
  ParseHints(StringRef text, StringRef source, MLIRContext &context);

private:
  std::string hint(const std::string &message, unsigned line, unsigned column) const;

  StringRef text, source;
  MLIRContext &context;
  ScopedDiagnosticHandler handler;
};

} // namespace mlir::hydra

#endif // HYDRA_FRONTEND_PARSEHINTS_H
