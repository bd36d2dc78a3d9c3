// From places in a text to MLIR locations, and from runtime errors to diagnostics.
#ifndef HYDRA_FRONTEND_SOURCEMAP_H
#define HYDRA_FRONTEND_SOURCEMAP_H

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Location.h"
#include "runtime/base/status.h"

#include <string>
#include <vector>

namespace mlir::hydra {

// Places in one text. Keeps no reference to it.
class SourceMap {
public:
  SourceMap(StringRef text, StringRef source, MLIRContext &context);

  // Line and column of the byte at `offset`.
  Location location(uint64_t offset) const;
  // Emits an error status. A message that begins with "SOURCE:LINE:COLUMN: " goes there.
  LogicalResult emit(const absl::Status &status) const;

private:
  std::string source;
  MLIRContext &context;
  std::vector<uint64_t> lineStarts;
};

inline StringRef toStringRef(absl::string_view text) { return {text.data(), text.size()}; }
inline absl::string_view toView(StringRef text) { return {text.data(), text.size()}; }

} // namespace mlir::hydra

#endif // HYDRA_FRONTEND_SOURCEMAP_H
