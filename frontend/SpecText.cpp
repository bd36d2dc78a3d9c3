#include "frontend/SpecText.h"

using namespace mlir::hydra;

std::optional<uint64_t> mlir::hydra::findDeepNesting(llvm::StringRef text) {
  unsigned depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '"') {
      for (++i; i < text.size() && text[i] != '"' && text[i] != '\n'; ++i)
        if (text[i] == '\\')
          ++i;
    } else if (c == '/' && text.substr(i).starts_with("//")) {
      i = text.find('\n', i);
      if (i == llvm::StringRef::npos)
        break;
    } else if (llvm::StringRef("([{<").contains(c)) {
      if (++depth > kMaxNesting)
        return i;
    } else if (llvm::StringRef(")]}>").contains(c) && depth > 0) {
      bool arrow = c == '>' && i > 0 && text[i - 1] == '-';
      depth -= arrow ? 0 : 1;
    }
  }
  return std::nullopt;
}
