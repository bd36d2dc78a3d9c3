#include "tools/hydra-opt/CompileCommand.h"

#include "compiler/pipeline/EmitArtifact.h"
#include "compiler/pipeline/InterpretModule.h"
#include "compiler/pipeline/Stages.h"
#include "compiler/pipeline/TensorFile.h"
#include "frontend/LoadSpec.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Support/Timing.h"
#include "runtime/base/hash.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;
using namespace mlir::hydra;

static int report(int code, const llvm::Twine &message) {
  llvm::errs() << "hydra-opt: error: " << message << "\n";
  return code;
}

std::string compilerBuildId() {
  std::string path = llvm::sys::fs::getMainExecutable(nullptr, nullptr);
  auto buffer =
      llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  std::string id = "unknown";
  if (buffer) {
    StringRef bytes = (*buffer)->getBuffer();
    id =
        ::hydra::HashBytes({reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()}).ToHex();
  }
  return id + " llvm-" LLVM_VERSION_STRING;
}

// Instrumentation from the command line: --mlir-print-ir-after-all, --mlir-timing and their kin.
static LogicalResult configure(PassManager &manager, TimingScope &timing) {
  if (failed(applyPassManagerCLOptions(manager)))
    return failure();
  manager.enableTiming(timing);
  return success();
}

// Whether the module was compiled for training, which the model tier itself does not say.
static bool wantsTraining(const CompileOptions &options) {
  return llvm::any_of(options.entries,
                      [](const EntryShape &entry) { return entry.name == "train"; });
}

static int interpret(const CommandLine &flags, const CompileOptions &options, ModuleOp module,
                     const std::string &output) {
  if (flags.inputs.empty())
    return report(kUsage, "--interpret needs --inputs=FILE.safetensors with tensors KIND/NAME");
  if (output == "-")
    return report(kUsage, "--interpret needs -o FILE.safetensors for the results");
  absl::StatusOr<NamedTensors> inputs = readTensorFile(flags.inputs);
  if (!inputs.ok())
    return report(kBadInput, std::string(inputs.status().message()));
  bool wide = flags.interpretAs == "f64";
  FailureOr<NamedTensors> results = interpretModule(
      module, *inputs, wide ? Precision::float64 : Precision::float32, wantsTraining(options));
  if (failed(results))
    return kFailure;
  absl::Status written = writeTensorFile(output, *results, wide);
  return written.ok() ? int(kSuccess) : report(kFailure, std::string(written.message()));
}

static int printModule(ModuleOp module, const std::string &output) {
  std::string error;
  auto file = openOutputFile(output, &error);
  if (!file)
    return report(kFailure, error);
  module.print(file->os(), OpPrintingFlags().enableDebugInfo(false));
  file->keep();
  return kSuccess;
}

// Keeps only the function called `name`; false if there is none.
static bool keepFunction(ModuleOp module, StringRef name) {
  bool found = false;
  for (auto function : llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
    if (function.getSymName() == name)
      found = true;
    else
      function.erase();
  }
  return found;
}

static std::string printed(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream);
  return text;
}

int compileCommand(const CommandLine &flags, const std::string &input, const std::string &output,
                   DialectRegistry &registry) {
  llvm::Expected<CompileOptions> options = flags.compileOptions();
  if (!options)
    return report(kUsage, llvm::toString(options.takeError()));
  llvm::Expected<Stage> last = flags.lastStage();
  if (!last)
    return report(kUsage, "--stop-after: " + llvm::toString(last.takeError()));
  bool toArtifact = StringRef(output).ends_with(".hydra");
  if (toArtifact && (!flags.stopAfter.empty() || flags.interpret))
    return report(
        kUsage,
        "an artifact (-o FILE.hydra) needs all stages; drop --stop-after and --interpret, or "
        "write another file");

  MLIRContext context(registry);
  // A diagnostic says what is wrong; the whole operation beside it would bury that.
  context.printOpOnDiagnostic(false);
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler diagnostics(sources, &context);
  DefaultTimingManager timing;
  applyDefaultTimingManagerCLOptions(timing);
  TimingScope root = timing.getRootScope();

  FailureOr<OwningOpRef<ModuleOp>> module = loadSpec(input, context);
  if (failed(module))
    return kBadInput;
  if (!flags.function.empty() && !keepFunction(**module, flags.function))
    return report(kUsage, "--function: " + input + " has no function '" + flags.function + "'");
  std::string specText = printed(**module);
  CompileOptions resolved = resolveOptions(**module, *options);
  auto configurePasses = [&](PassManager &manager) { return configure(manager, root); };
  if (failed(runStages(**module, *last, resolved, configurePasses)))
    return kFailure;
  if (flags.interpret)
    return interpret(flags, resolved, **module, output);
  if (toArtifact)
    return succeeded(emitArtifact(**module, resolved, specText, compilerBuildId(), output))
               ? kSuccess
               : kFailure;
  return printModule(**module, output);
}
