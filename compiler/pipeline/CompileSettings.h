// The compile settings by name: one row each, from which flags, --set, help and the settings that
// an artifact keeps are made.
#ifndef HYDRA_COMPILER_PIPELINE_COMPILESETTINGS_H
#define HYDRA_COMPILER_PIPELINE_COMPILESETTINGS_H

#include "compiler/pipeline/Stages.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

#include <optional>

namespace mlir::hydra {

struct CompileSetting {
  llvm::StringLiteral key;
  llvm::StringLiteral value; // what is written behind the =, as in help
  std::string help;          // one line, with the default
  bool repeatable;
  // The first stage whose output it changes; nullopt: only code generation.
  std::optional<Stage> from;
  // Reads a value into the options; the error says what was expected and found.
  llvm::Error (*read)(llvm::StringRef text, CompileOptions &options);
  llvm::json::Value (*write)(const CompileOptions &options);
};

// All of them, in the order of the help.
llvm::ArrayRef<CompileSetting> compileSettings();

// The setting called `key`, or an error with the nearest name.
llvm::Expected<const CompileSetting *> findCompileSetting(llvm::StringRef key);

// Whether the settings fit each other, once all are read: --arch names what --target has.
llvm::Error checkCompileSettings(const CompileOptions &options);

// All settings as a JSON object, as an artifact keeps them.
llvm::json::Object settingsObject(const CompileOptions &options);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_PIPELINE_COMPILESETTINGS_H
