// The flags of hydra-opt that stock mlir-opt does not have.
#ifndef HYDRA_TOOLS_HYDRA_OPT_COMMANDLINE_H
#define HYDRA_TOOLS_HYDRA_OPT_COMMANDLINE_H

#include "compiler/pipeline/CompileSettings.h"
#include "tools/hydra-opt/HelpPage.h"
#include "llvm/Support/CommandLine.h"

#include <memory>
#include <vector>

// Construct before the command line is parsed. Not a global: main() owns the only instance.
class CommandLine {
public:
  CommandLine();

  // Parses `arguments` into these flags and the stock ones. The error is a usage error.
  llvm::Error parse(llvm::ArrayRef<char *> arguments);

  // Our flags, with defaults and examples: one screen.
  HelpPage help() const;

  // The compile settings, from their flags and from --set.
  llvm::Expected<mlir::hydra::CompileOptions> compileOptions() const;
  // What is wrong with flags that would have no effect beside the others; success if nothing is.
  llvm::Error checkEffects() const;
  // --stop-after; without it the last stage, or the last one that can be interpreted.
  llvm::Expected<mlir::hydra::Stage> lastStage() const;

  // Whether a spec is compiled. Otherwise hydra-opt is mlir-opt with our dialects.
  bool compiles() const;
  // Whether the setting was given by its flag or by --set.
  bool given(llvm::StringRef setting) const;
  bool toArtifact() const;

  std::string input() const { return inputFiles.empty() ? "-" : inputFiles.front(); }
  const std::string &output() const { return outputFile; }
  // text, json or html; "" without --explain.
  std::string explains() const {
    return explain.getNumOccurrences() == 0 ? "" : explain.empty() ? "text" : explain.getValue();
  }
  // Whether kernels that were compiled before are used, and new ones kept.
  bool cachesKernels() const { return kernelCache != "off"; }
  bool interprets() const { return interpret; }
  bool printsFacts() const { return facts; }
  const std::string &interpretInputs() const { return inputs; }
  bool interpretsAsDouble() const { return interpretAs == "f64"; }

private:
  // (key, value) of everything that sets a compile setting, in the order of the table.
  struct Assignment {
    std::string flag, key, value;
  };
  llvm::Expected<std::vector<Assignment>> assignments() const;

  llvm::cl::OptionCategory settingsCategory, resultCategory;
  std::vector<std::unique_ptr<llvm::cl::list<std::string>>> settingFlags;
  llvm::cl::list<std::string> set;
  llvm::cl::opt<std::string> outputFile, stopAfter, explain, inputs, interpretAs, kernelCache;
  llvm::cl::opt<bool> interpret, facts;
  llvm::cl::list<std::string> inputFiles;
};

#endif // HYDRA_TOOLS_HYDRA_OPT_COMMANDLINE_H
