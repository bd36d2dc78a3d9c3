#include "passes/lowering/EntryRequest.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace mlir::hydra;

// Tokens of a batch are counted in 32 bits.
static constexpr int64_t kMaxTokens = int64_t(1) << 30;

std::string EntryRequest::str() const {
  return name + "@" + std::to_string(batch) + "x" + std::to_string(seq);
}

std::string EntryRequest::symbol(StringRef variant) const {
  std::string text = name + "_" + std::to_string(batch) + "x" + std::to_string(seq);
  return variant.empty() ? text : text + "_" + variant.str();
}

llvm::Expected<EntryRequest> hydra::parseEntryRequest(StringRef text) {
  EntryRequest request;
  auto [name, shape] = text.split('@');
  auto [batch, seq] = shape.split('x');
  std::string found = ", found '" + text.str() + "'";
  if (batch.getAsInteger(10, request.batch) || seq.getAsInteger(10, request.seq) ||
      request.batch < 1 || request.seq < 1)
    return llvm::createStringError("expected an entry NAME@BxS with a batch and a sequence length "
                                   "of at least 1, for example train@8x512" +
                                   found);
  if (request.batch > kMaxTokens / request.seq)
    return llvm::createStringError("expected an entry of at most " + std::to_string(kMaxTokens) +
                                   " tokens" + found);
  if (!llvm::is_contained({"train", "eval", "extend"}, name))
    return llvm::createStringError("expected an entry named train, eval or extend, found '" + name +
                                   "' in '" + text + "'");
  request.name = name.str();
  return request;
}
