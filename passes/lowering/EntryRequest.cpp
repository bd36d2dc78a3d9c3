#include "passes/lowering/EntryRequest.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"

using namespace mlir;
using namespace mlir::hydra;

// Tokens of a batch are counted in 32 bits.
static constexpr int64_t kMaxTokens = int64_t(1) << 30;

std::string EntryRequest::symbol(StringRef variant) const {
  std::string text = name + "_" + std::to_string(batch) + "x" + std::to_string(seq);
  return variant.empty() ? text : text + "_" + variant.str();
}

FailureOr<EntryRequest> hydra::parseEntryRequest(StringRef text,
                                                 function_ref<InFlightDiagnostic()> emitError) {
  EntryRequest request;
  auto [name, shape] = text.split('@');
  auto [batch, seq] = shape.split('x');
  if (batch.getAsInteger(10, request.batch) || seq.getAsInteger(10, request.seq) ||
      request.batch < 1 || request.seq < 1)
    return emitError() << "expected an entry NAME@BxS with a batch and a sequence length of at "
                          "least 1, for example train@8x512, found '"
                       << text << "'";
  if (request.batch > kMaxTokens / request.seq)
    return emitError() << "expected an entry of at most " << kMaxTokens << " tokens, found '"
                       << text << "'";
  if (!llvm::is_contained({"train", "eval", "extend"}, name))
    return emitError() << "expected an entry named train, eval or extend, found '" << name
                       << "' in '" << text << "'";
  request.name = name.str();
  return request;
}
