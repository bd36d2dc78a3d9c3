#include "tools/hydra-opt/CompileCommand.h"

#include "compiler/ledger/LedgerJson.h"
#include "compiler/pipeline/EmitArtifact.h"
#include "compiler/pipeline/InterpretModule.h"
#include "compiler/pipeline/Stages.h"
#include "compiler/pipeline/TensorFile.h"
#include "dialects/hydra/HydraDialect.h"
#include "frontend/LoadSpec.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Remark/RemarkStreamer.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Support/Timing.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "runtime/base/hash.h"
#include "tools/hydra-opt/ExitCode.h"
#include "tools/hydra-opt/Progress.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;
using namespace mlir::hydra;

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

// Stock flags on the pass manager: --mlir-print-ir-after-all, --mlir-timing and their kin.
static LogicalResult configure(PassManager &manager, TimingScope &timing) {
  if (failed(applyPassManagerCLOptions(manager)))
    return failure();
  MlirOptMainConfig stock = MlirOptMainConfig::createFromCLOptions();
  manager.enableVerifier(stock.shouldVerifyPasses());
  if (stock.shouldDumpPassPipeline()) {
    manager.dump();
    llvm::errs() << "\n";
  }
  manager.enableTiming(timing);
  manager.addInstrumentation(progressInstrumentation());
  return success();
}

// The stock flags on remarks: --remarks-filter, --remark-format and their kin.
static LogicalResult configureRemarks(MLIRContext &context) {
  MlirOptMainConfig stock = MlirOptMainConfig::createFromCLOptions();
  if (!stock.shouldEmitRemarks())
    return success();
  // The filter of all kinds is one of every kind.
  std::string all = stock.getRemarksAllFilter();
  auto filter = [&](const std::string &own) {
    std::string both = all.empty() || own.empty() ? all + own : all + "|" + own;
    return both.empty() ? std::nullopt : std::optional<std::string>(both);
  };
  remark::RemarkCategories categories{
      std::nullopt, filter(stock.getRemarksPassedFilter()), filter(stock.getRemarksMissedFilter()),
      filter(stock.getRemarksAnalyseFilter()), filter(stock.getRemarksFailedFilter())};
  std::unique_ptr<remark::detail::RemarkEmittingPolicyBase> policy;
  if (stock.getRemarkPolicy() == RemarkPolicy::REMARK_POLICY_ALL)
    policy = std::make_unique<remark::RemarkEmittingPolicyAll>();
  else
    policy = std::make_unique<remark::RemarkEmittingPolicyFinal>();
  if (stock.getRemarkFormat() == RemarkFormat::REMARK_FORMAT_STDOUT)
    return remark::enableOptimizationRemarks(context, nullptr, std::move(policy), categories,
                                             /*printAsEmitRemarks=*/true);
  bool yaml = stock.getRemarkFormat() == RemarkFormat::REMARK_FORMAT_YAML;
  std::string file = stock.getRemarksOutputFile();
  if (file.empty())
    file = yaml ? "mlir-remarks.yaml" : "mlir-remarks.bitstream";
  return remark::enableOptimizationRemarksWithLLVMStreamer(
      context, file, yaml ? llvm::remarks::Format::YAML : llvm::remarks::Format::Bitstream,
      std::move(policy), categories);
}

// Whether the module was compiled for training, which the model tier itself does not say.
static bool wantsTraining(const CompileOptions &options) {
  return llvm::any_of(options.entries,
                      [](const EntryRequest &entry) { return entry.name == "train"; });
}

static int interpret(const CommandLine &flags, const CompileOptions &options, ModuleOp module) {
  absl::StatusOr<NamedTensors> inputs = readTensorFile(flags.interpretInputs());
  if (!inputs.ok())
    return report(kBadInput, std::string(inputs.status().message()));
  bool wide = flags.interpretsAsDouble();
  FailureOr<NamedTensors> results = interpretModule(
      module, *inputs, wide ? Precision::float64 : Precision::float32, wantsTraining(options));
  if (failed(results))
    return kFailure;
  absl::Status written = writeTensorFile(flags.output(), *results, wide);
  return written.ok() ? int(kSuccess) : report(kFailure, std::string(written.message()));
}

// Writes text to a file or, for "-", to standard output.
static int writeText(const std::string &output,
                     llvm::function_ref<void(llvm::raw_ostream &)> write) {
  std::string error;
  auto file = openOutputFile(output, &error);
  if (!file)
    return report(kFailure, "-o " + output + ": " + error);
  write(file->os());
  file->os().flush();
  if (std::error_code problem = file->os().error()) {
    file->os().clear_error();
    return report(kFailure, (output == "-" ? "standard output" : output) +
                                ": cannot write: " + problem.message());
  }
  file->keep();
  return kSuccess;
}

// What --facts prints: for programs that must know a model before they have it compiled.
static void printFacts(ModuleOp module, llvm::raw_ostream &stream) {
  llvm::json::OStream json(stream, /*IndentSize=*/2);
  json.object([&] {
    json.attributeArray("models", [&] {
      for (auto model : module.getOps<LanguageModelOp>())
        json.object([&] {
          json.attribute("name", model.getSymName());
          json.attribute("vocab_size", model.getVocabSize());
          json.attribute("dim", model.getDim());
          json.attribute("max_seq_len", model.getMaxSeqLen());
          json.attribute("rules", model.getRules());
        });
    });
    json.attributeArray("functions", [&] {
      for (auto function : module.getOps<func::FuncOp>())
        if (!function.isPrivate()) // a block that others call
          json.value(function.getSymName());
    });
  });
  stream << "\n";
}

// Keeps only the function called `name`, and the blocks that it calls; false if there is none.
static bool keepFunction(ModuleOp module, StringRef name) {
  bool found = false;
  for (auto function : llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
    if (function.getSymName() == name)
      found = true;
    else if (!function.isPrivate())
      function.erase();
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (auto function : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      if (function.getSymName() != name && SymbolTable::symbolKnownUseEmpty(function, module)) {
        function.erase();
        changed = true;
      }
  }
  return found;
}

static std::string printed(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream, OpPrintingFlags().enableDebugInfo(false).elideLargeElementsAttrs(false));
  return text;
}

// Flags that this spec leaves without effect; 0 if there are none. Applies --function.
static int fitFlagsToSpec(const CommandLine &flags, const CompileOptions &options,
                          ModuleOp module) {
  bool hasModel = !module.getOps<LanguageModelOp>().empty();
  if (!options.function.empty()) {
    if (hasModel)
      return report(kUsage, "--function: expected a spec without hydra.model, found one in " +
                                flags.input() + "; drop the flag");
    if (!keepFunction(module, options.function))
      return report(kUsage, "--function: expected a function of " + flags.input() + ", found '" +
                                options.function + "', which it does not have");
  }
  for (StringRef setting : {"entry", "cache"})
    if (!hasModel && flags.given(setting))
      return report(kUsage, "--" + setting +
                                ": expected a spec with hydra.model, found functions "
                                "only in " +
                                flags.input() + "; drop the flag");
  auto decodes = [](const EntryRequest &entry) { return entry.name == "extend"; };
  if (flags.given("cache") && !options.entries.empty() && llvm::none_of(options.entries, decodes))
    return report(kUsage, "--cache has no effect without an extend entry; add --entry=extend@1x1, "
                          "or drop the flag");
  return 0;
}

int compileCommand(const CommandLine &flags, DialectRegistry &registry) {
  llvm::Expected<CompileOptions> options = flags.compileOptions();
  if (!options)
    return report(kUsage, llvm::toString(options.takeError()));
  if (llvm::Error error = flags.checkEffects())
    return report(kUsage, llvm::toString(std::move(error)));
  llvm::Expected<Stage> last = flags.lastStage();
  if (!last)
    return report(kUsage, llvm::toString(last.takeError()));

  MLIRContext context(registry);
  // A diagnostic says what is wrong; the whole operation beside it would bury that.
  if (auto shown = llvm::cl::getRegisteredOptions().find("mlir-print-op-on-diagnostic");
      shown == llvm::cl::getRegisteredOptions().end() || shown->second->getNumOccurrences() == 0)
    context.printOpOnDiagnostic(false);
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler diagnostics(sources, &context);
  if (failed(configureRemarks(context)))
    return kFailure;
  DefaultTimingManager timing;
  applyDefaultTimingManagerCLOptions(timing);
  TimingScope root = timing.getRootScope();

  FailureOr<OwningOpRef<ModuleOp>> module = loadSpec(flags.input(), context);
  if (failed(module))
    return kBadInput;
  if (flags.printsFacts())
    return writeText(flags.output(), [&](auto &stream) { printFacts(**module, stream); });
  if (int code = fitFlagsToSpec(flags, *options, **module))
    return code;
  std::string specText = printed(**module);
  CompileOptions resolved = resolveOptions(**module, *options);
  auto configurePasses = [&](PassManager &manager) { return configure(manager, root); };
  if (failed(runStages(**module, *last, resolved, configurePasses)))
    return kFailure;
  if (flags.interprets())
    return interpret(flags, resolved, **module);
  if (std::string format = flags.explains(); !format.empty()) {
    FailureOr<std::string> json = planLedger(**module, resolved);
    if (failed(json))
      return kFailure;
    llvm::Expected<std::string> ledger = renderLedger(*json, format);
    if (!ledger)
      return report(kFailure, llvm::toString(ledger.takeError()));
    return writeText(flags.output(), [&](auto &stream) { stream << *ledger; });
  }
  if (!flags.toArtifact())
    return writeText(flags.output(), [&](auto &stream) { module->get().print(stream); });
  TimingScope code = root.nest("Machine code and artifact");
  return succeeded(emitArtifact(**module, resolved,
                                {.specText = specText,
                                 .buildId = compilerBuildId(),
                                 .cachesKernels = flags.cachesKernels()},
                                flags.output()))
             ? kSuccess
             : kFailure;
}
