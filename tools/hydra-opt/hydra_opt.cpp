// hydra-opt: compiles model specs; every stage can be printed, stopped at and explained.
#include "compiler/pipeline/Registration.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "tools/hydra-opt/CommandLine.h"
#include "tools/hydra-opt/CompileCommand.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::hydra::registerEverything(registry);
  CommandLine flags;
  llvm::cl::AddExtraVersionPrinter(
      [](llvm::raw_ostream &stream) { stream << "hydra-opt build " << compilerBuildId() << "\n"; });
  auto [input, output] =
      mlir::registerAndParseCLIOptions(argc, argv, "HYDRA model compiler\n", registry);
  // Without a compile option this is mlir-opt with our dialects and passes.
  bool compiles = flags.anyGiven() || llvm::StringRef(output).ends_with(".hydra") ||
                  llvm::StringRef(input).ends_with(".json");
  if (compiles)
    return compileCommand(flags, input, output, registry);
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, input, output, registry));
}
