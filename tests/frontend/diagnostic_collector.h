// Collects diagnostics as text, for tests of messages.
#ifndef HYDRA_TESTS_FRONTEND_DIAGNOSTIC_COLLECTOR_H
#define HYDRA_TESTS_FRONTEND_DIAGNOSTIC_COLLECTOR_H

#include <string>
#include <vector>

#include "llvm/Support/raw_ostream.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Location.h"
#include "mlir/IR/MLIRContext.h"

namespace mlir::hydra {

// While it lives, every error of `context` is kept as "FILE:LINE:COLUMN: MESSAGE".
class DiagnosticCollector {
 public:
  explicit DiagnosticCollector(MLIRContext& context)
      : handler_(&context, [this](Diagnostic& diagnostic) {
          std::string text;
          llvm::raw_string_ostream stream(text);
          if (auto place = diagnostic.getLocation()->findInstanceOf<FileLineColLoc>())
            stream << place.getFilename().getValue() << ":" << place.getLine() << ":"
                   << place.getColumn() << ": ";
          stream << diagnostic.str();
          messages_.push_back(text);
          return success();
        }) {}

  const std::vector<std::string>& messages() const { return messages_; }
  // The only message; all of them joined if there is not exactly one.
  std::string only() const {
    std::string joined;
    for (const std::string& message : messages_) joined += (joined.empty() ? "" : " | ") + message;
    return joined;
  }

 private:
  std::vector<std::string> messages_;
  ScopedDiagnosticHandler handler_;
};

}  // namespace mlir::hydra

#endif  // HYDRA_TESTS_FRONTEND_DIAGNOSTIC_COLLECTOR_H
