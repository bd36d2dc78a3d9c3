// hydra-opt: compiles model specs; every stage can be printed, stopped at and explained.
#include "compiler/pipeline/Registration.h"
#include "frontend/LoadSpec.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "tools/hydra-opt/CommandLine.h"
#include "tools/hydra-opt/CompileCommand.h"
#include "tools/hydra-opt/ExitCode.h"
#include "tools/hydra-opt/StockFlags.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/WithColor.h"

#include <cstdlib>

using namespace llvm;

// Whether one of the words is among the arguments.
static bool asks(ArrayRef<char *> arguments, ArrayRef<StringRef> words) {
  return llvm::any_of(arguments.drop_front(),
                      [&](StringRef argument) { return llvm::is_contained(words, argument); });
}

int main(int argc, char **argv) {
  ArrayRef<char *> arguments(argv, static_cast<size_t>(argc));
  if (const char *noColor = std::getenv("NO_COLOR"); noColor && *noColor)
    WithColor::setAutoDetectFunction([](const raw_ostream &) { return false; });

  mlir::DialectRegistry registry;
  mlir::hydra::registerEverything(registry);
  CommandLine flags;
  StockFlags stock(registry);
  cl::AddExtraVersionPrinter(
      [](raw_ostream &stream) { stream << "hydra-opt build " << compilerBuildId() << "\n"; });
  if (asks(arguments, {"--help", "-help", "-h"})) {
    flags.help().print(outs());
    return kSuccess;
  }
  if (asks(arguments, {"--man"})) {
    flags.help().printManual(outs());
    return kSuccess;
  }
  if (Error error = flags.parse(arguments))
    return report(kUsage, toString(std::move(error)));

  std::string byHand = stock.firstOfPassMode(arguments);
  // A file that is no text would be shown on the terminal as the line that an error is in.
  if (std::string problem = mlir::hydra::binarySpecProblem(flags.input()); !problem.empty())
    return report(kBadInput, flags.input() + ": " + problem);
  if (flags.compiles()) {
    if (!byHand.empty())
      return report(kUsage, byHand + " runs passes by hand and would have no effect here: flags "
                                     "that compile (or a .json or .hydra file) run the stages; "
                                     "drop one of the two kinds");
    return compileCommand(flags, registry);
  }
  if (flags.output() == "-" && sys::Process::StandardOutIsDisplayed() &&
      mlir::MlirOptMainConfig::createFromCLOptions().shouldEmitBytecode())
    return report(kUsage,
                  "--emit-bytecode: expected -o FILE, found a terminal; bytes do not belong "
                  "there");
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, flags.input(), flags.output(), registry));
}
