#include "compiler/codegen/MachineCode.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"

using namespace mlir;
using namespace mlir::hydra;

// The level is spelled out as features over the plain x86-64: LLVM's own list for a processor of
// that name may hold more than what is detected.
static std::unique_ptr<llvm::TargetMachine> createMachine(const CpuFacts &level,
                                                          Location location) {
  // Once, because the registry of targets has no lock.
  static const bool initialized = [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    return true;
  }();
  (void)initialized;
  llvm::Triple triple("x86_64-unknown-linux-gnu");
  std::string message;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target) {
    emitError(location) << "this LLVM has no x86-64 back end: " << message;
    return nullptr;
  }
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard; // only what fma() asks for
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, "x86-64", level.llvmFeatures(), options, llvm::Reloc::PIC_, llvm::CodeModel::Small,
      llvm::CodeGenOptLevel::Aggressive));
}

// Kernels come vectorised and without calls: what is left to do is arithmetic of addresses, moving
// what a loop does not change in front of it, and loops of a few known rounds. LLVM's own O3 runs
// the same again and again, two to four times as long (docs/results/compile-time.md).
static std::string passesFor(CodeShape shape) {
  StringRef clean = "early-cse<memssa>,instcombine<no-verify-fixpoint>,simplifycfg";
  StringRef unroll = "loop(indvars,loop-deletion,loop-unroll-full),";
  return ("function(" + clean + ",loop-mssa(loop-rotate,licm)," +
          (shape == CodeShape::nested ? unroll : "") + clean + ")")
      .str();
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine, StringRef tuneFor,
                     CodeShape shape) {
  module.setDataLayout(machine.createDataLayout());
  module.setTargetTriple(machine.getTargetTriple());
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", machine.getTargetCPU());
    function.addFnAttr("target-features", machine.getTargetFeatureString());
    function.addFnAttr("tune-cpu", tuneFor);
    function.addFnAttr("prefer-vector-width", "512");
    function.addFnAttr("no-builtins");
    function.addFnAttr(llvm::Attribute::NoUnwind);
  }
  llvm::PassBuilder builder(&machine);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graphs;
  llvm::ModuleAnalysisManager modules;
  // No function of any library may be recognised or called.
  llvm::TargetLibraryInfoImpl library(machine.getTargetTriple());
  library.disableAllFunctions();
  functions.registerPass([&] { return llvm::TargetLibraryAnalysis(library); });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  llvm::ModulePassManager passes;
  llvm::cantFail(builder.parsePassPipeline(passes, passesFor(shape)));
  passes.run(module, modules);
}

FailureOr<SmallVector<char, 0>> hydra::compileToObject(llvm::Module &module, const CpuFacts &level,
                                                       CodeShape shape, Location location) {
  std::unique_ptr<llvm::TargetMachine> machine = createMachine(level, location);
  if (!machine)
    return failure();
  optimize(module, *machine, level.tuneFor, shape);
  SmallVector<char, 0> object;
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager codegen;
  if (machine->addPassesToEmitFile(codegen, stream, nullptr, llvm::CodeGenFileType::ObjectFile))
    return emitError(location) << "the x86-64 back end cannot write objects";
  codegen.run(module);
  return object;
}
