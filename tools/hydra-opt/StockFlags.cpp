#include "tools/hydra-opt/StockFlags.h"

#include "mlir/Debug/Counter.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/ADT/StringSet.h"

using namespace llvm;

// Flags of the mlir-opt driver that act while compiling too (CompileCommand.cpp). All others of the
// driver, passes among them, do not.
static constexpr StringLiteral kDriverFlagsThatAct[] = {
    "verify-each",           "dump-pass-pipeline",    "load-pass-plugin",
    "load-dialect-plugin",   "remarks-filter",        "remarks-filter-passed",
    "remarks-filter-missed", "remarks-filter-failed", "remarks-filter-analyse",
    "remark-format",         "remark-policy",         "remarks-output-file"};

namespace {

// What registering something adds to the registry of flags.
class Additions {
public:
  Additions() {
    for (const auto &[name, flag] : cl::getRegisteredOptions())
      before.insert(name);
  }
  void forEach(function_ref<void(StringRef, cl::Option &)> visit) const {
    for (const auto &[name, flag] : cl::getRegisteredOptions())
      if (!before.contains(name))
        visit(name, *flag);
  }

private:
  StringSet<> before;
};

// Behind --help-hidden, in its group. A flag of LLVM that names a group of its own keeps it.
void hide(cl::Option &flag, cl::OptionCategory &category) {
  flag.addCategory(category);
  if (flag.getOptionHiddenFlag() == cl::NotHidden)
    flag.setHiddenFlag(cl::Hidden);
}

} // namespace

StockFlags::StockFlags(mlir::DialectRegistry &registry)
    : compiling("mlir-opt flags that act while compiling too"),
      passMode("mlir-opt flags and passes for running passes by hand",
               "Refused beside flags that compile."),
      codeGeneration("Flags of LLVM's code generator") {
  // Ours, and LLVM's --help and its kin, name a category; what does not is a flag of some library.
  for (const auto &[name, flag] : cl::getRegisteredOptions())
    if (is_contained(flag->Categories, &cl::getGeneralCategory()))
      hide(*flag, codeGeneration);
  {
    Additions driver;
    mlir::MlirOptMainConfig::registerCLOptions(registry);
    mlir::tracing::DebugCounter::registerCLOptions();
    driver.forEach([&](StringRef name, cl::Option &flag) {
      bool acts = is_contained(kDriverFlagsThatAct, name);
      if (!acts)
        passModeNames[name] = true;
      hide(flag, acts ? compiling : passMode);
    });
  }
  Additions common;
  mlir::registerAsmPrinterCLOptions();
  mlir::registerMLIRContextCLOptions();
  mlir::registerPassManagerCLOptions();
  mlir::registerDefaultTimingManagerCLOptions();
  common.forEach([&](StringRef, cl::Option &flag) { hide(flag, compiling); });
}

std::string StockFlags::firstOfPassMode(ArrayRef<char *> arguments) const {
  for (StringRef argument : arguments) {
    StringRef name = argument;
    if (name == "--")
      break;
    if (!name.consume_front("-"))
      continue;
    name.consume_front("-");
    name = name.split('=').first;
    if (passModeNames.contains(name))
      return argument.split('=').first.str();
  }
  return "";
}
