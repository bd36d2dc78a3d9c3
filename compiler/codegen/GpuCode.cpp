#include "compiler/codegen/GpuCode.h"

#include "compiler/codegen/KernelEmitters.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"
#include "runtime/artifact/gpu_image.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace mlir::hydra;

static void loadDialects(MLIRContext *context) {
  context
      ->loadDialect<arith::ArithDialect, cf::ControlFlowDialect, LLVM::LLVMDialect,
                    NVVM::NVVMDialect, math::MathDialect, scf::SCFDialect, vector::VectorDialect>();
  registerBuiltinDialectTranslation(*context);
  registerLLVMDialectTranslation(*context);
  registerNVVMDialectTranslation(*context);
}

static LogicalResult lowerToNvvm(ModuleOp module) {
  RewritePatternSet patterns(module.getContext());
  // The same approximations as on CPUs, and no library.
  populateMathPolynomialApproximationPatterns(patterns, MathPolynomialApproximationOptions{});
  if (failed(applyPatternsGreedily(module, std::move(patterns))))
    return emitError(module.getLoc()) << "could not expand the mathematical functions";
  PassManager manager(module.getContext());
  manager.addPass(createConvertVectorToLLVMPass());
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(createConvertMathToLLVMPass());
  manager.addPass(createArithToLLVMConversionPass());
  manager.addPass(createConvertControlFlowToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
  return manager.run(module);
}

static FailureOr<std::string> assembleText(llvm::Module &module, StringRef architecture,
                                           StringRef features, Location location) {
  // Once, because the registry of targets has no lock.
  static const bool initialized = [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    return true;
  }();
  (void)initialized;
  llvm::Triple triple("nvptx64-nvidia-cuda");
  std::string message;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return emitError(location) << "this LLVM has no NVPTX back end: " << message;
  std::unique_ptr<llvm::TargetMachine> machine(
      target->createTargetMachine(triple, architecture, features, {}, std::nullopt, std::nullopt,
                                  llvm::CodeGenOptLevel::Aggressive));
  module.setTargetTriple(triple);
  module.setDataLayout(machine->createDataLayout());
  constexpr StringRef kDriver(::hydra::artifact::kDriverFunction.data(),
                              ::hydra::artifact::kDriverFunction.size());
  for (llvm::Function &function : module)
    if (function.isDeclaration() && !function.isIntrinsic() && function.getName() != kDriver)
      return emitError(location) << "the generated code calls '" << function.getName()
                                 << "', which it does not have";
  llvm::PassBuilder builder(machine.get());
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graphs;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3).run(module, modules);
  SmallVector<char, 0> text;
  llvm::raw_svector_ostream stream(text);
  llvm::legacy::PassManager codegen;
  if (machine->addPassesToEmitFile(codegen, stream, nullptr, llvm::CodeGenFileType::AssemblyFile))
    return emitError(location) << "the NVPTX back end cannot write assembly";
  codegen.run(module);
  return std::string(text.begin(), text.end());
}

FailureOr<OwningOpRef<ModuleOp>> mlir::hydra::generateNvvm(ModuleOp planModule) {
  loadDialects(planModule.getContext());
  OwningOpRef<ModuleOp> device = ModuleOp::create(planModule.getLoc());
  for (auto kernel : planModule.getOps<plan::KernelOp>()) {
    GpuKernelEmitter emit = gpuEmitterFor(kernel);
    if (!emit)
      return failure();
    for (int stage = 0; stage < static_cast<int>(kernel.getItems().size()); ++stage)
      if (failed(emit(kernel, stage, *device)))
        return failure();
  }
  if (failed(lowerToNvvm(*device)))
    return failure();
  return device;
}

FailureOr<std::string> mlir::hydra::translateToPtx(ModuleOp nvvmModule,
                                                   const GpuFacts &architecture) {
  Location location = nvvmModule.getLoc();
  // A copy, because the translation changes branches in place.
  OwningOpRef<ModuleOp> copy = nvvmModule.clone();
  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> module = translateModuleToLLVMIR(*copy, llvmContext, "kernels");
  if (!module)
    return emitError(location) << "could not translate the kernels to LLVM IR";
  std::string features = "+ptx" + std::to_string(architecture.ptxVersion);
  return assembleText(*module, architecture.name, features, location);
}

FailureOr<std::string> mlir::hydra::generatePtx(ModuleOp planModule, StringRef architecture) {
  const GpuFacts *facts = findGpuFacts(architecture);
  if (!facts)
    return emitError(planModule.getLoc())
           << "expected an architecture " << gpuNames() << "; found '" << architecture << "'";
  FailureOr<OwningOpRef<ModuleOp>> device = generateNvvm(planModule);
  if (failed(device))
    return failure();
  return translateToPtx(**device, *facts);
}
