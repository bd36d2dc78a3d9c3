// The flags of hydra-opt that stock mlir-opt does not have.
#ifndef HYDRA_TOOLS_HYDRA_OPT_COMMANDLINE_H
#define HYDRA_TOOLS_HYDRA_OPT_COMMANDLINE_H

#include "compiler/pipeline/CompileOptions.h"
#include "llvm/Support/CommandLine.h"

// Construct before the command line is parsed. Not a global: main() owns the only instance.
struct CommandLine {
  CommandLine();

  llvm::cl::OptionCategory category;
  llvm::cl::opt<std::string> target, routing, precision, stopAfter, probe, inputs, interpretAs,
      function;
  std::string archHelp; // refers to the list of levels; LLVM keeps the text by reference
  llvm::cl::list<std::string> arch, entries;
  llvm::cl::opt<int64_t> cache;
  llvm::cl::opt<bool> interpret;

  // Whether any of them was given: then hydra-opt compiles, otherwise it is mlir-opt with our
  // dialects.
  bool anyGiven() const;
  // Checked compile options; the error names the flag, the value and the choices.
  llvm::Expected<mlir::hydra::CompileOptions> compileOptions() const;
  // --stop-after, or the last stage.
  llvm::Expected<mlir::hydra::Stage> lastStage() const;
};

#endif // HYDRA_TOOLS_HYDRA_OPT_COMMANDLINE_H
