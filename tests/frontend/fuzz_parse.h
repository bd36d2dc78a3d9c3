// What the fuzz entries of specs and configs share.
#ifndef HYDRA_TESTS_FRONTEND_FUZZ_PARSE_H
#define HYDRA_TESTS_FRONTEND_FUZZ_PARSE_H

#include <cstdlib>
#include <memory>
#include <string>

#include "frontend/LoadSpec.h"
#include "llvm/Support/raw_ostream.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"

namespace mlir::hydra {

// A context of one thread, a new one every thousand inputs: what texts intern stays until their
// context goes.
inline MLIRContext& fuzzContext() {
  static std::unique_ptr<MLIRContext> context;
  static int inputs = 0;
  if (inputs++ % 1000 == 0)
    context = std::make_unique<MLIRContext>(MLIRContext::Threading::DISABLED);
  return *context;
}

// Parses by `parse`. A refusal has an error; an accepted module verifies, and prints as a text that
// is accepted again.
template <typename Parse>
bool fuzzParse(StringRef text, Parse parse) {
  MLIRContext& context = fuzzContext();
  size_t errors = 0;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic& diagnostic) {
    errors += diagnostic.getSeverity() == DiagnosticSeverity::Error;
    return success();
  });
  FailureOr<OwningOpRef<ModuleOp>> module = parse(text, "fuzz", context);
  if (failed(module)) {
    if (errors == 0) std::abort();
    return false;
  }
  if (failed(verify(**module))) std::abort();
  std::string printed;
  llvm::raw_string_ostream stream(printed);
  (*module)->print(stream);
  if (failed(parseSpec(printed, "printed", context))) std::abort();
  return true;
}

}  // namespace mlir::hydra

#endif  // HYDRA_TESTS_FRONTEND_FUZZ_PARSE_H
