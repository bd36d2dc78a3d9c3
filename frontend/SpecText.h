// Guards around the MLIR parser, which recurses on brackets. Private to this folder.
#ifndef HYDRA_FRONTEND_SPECTEXT_H
#define HYDRA_FRONTEND_SPECTEXT_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>

namespace mlir::hydra {

// Brackets of a real spec nest less than a dozen deep.
inline constexpr unsigned kMaxNesting = 128;

// Byte of the first bracket that is nested deeper than kMaxNesting, outside of strings and
// comments.
std::optional<uint64_t> findDeepNesting(llvm::StringRef text);

} // namespace mlir::hydra

#endif // HYDRA_FRONTEND_SPECTEXT_H
