#include "frontend/SourceMap.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace mlir::hydra;

SourceMap::SourceMap(StringRef text, StringRef source, MLIRContext &context)
    : source(source), context(context), lineStarts{0} {
  for (size_t i = 0; i < text.size(); ++i)
    if (text[i] == '\n')
      lineStarts.push_back(i + 1);
}

Location SourceMap::location(uint64_t offset) const {
  size_t line = llvm::upper_bound(lineStarts, offset) - lineStarts.begin();
  return FileLineColLoc::get(&context, source, line, offset - lineStarts[line - 1] + 1);
}

LogicalResult SourceMap::emit(const absl::Status &status) const {
  StringRef message = toStringRef(status.message());
  unsigned line = 0, column = 0;
  StringRef rest = message;
  if (rest.consume_front(source) && rest.consume_front(":") && !rest.consumeInteger(10, line) &&
      rest.consume_front(":") && !rest.consumeInteger(10, column) && rest.consume_front(": "))
    return emitError(FileLineColLoc::get(&context, source, line, column)) << rest;
  return emitError(FileLineColLoc::get(&context, source, 1, 1)) << message;
}
