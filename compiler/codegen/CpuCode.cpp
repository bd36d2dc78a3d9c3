// From kernel bodies through the vector, scf, arith and math dialects to machine code.
#include "compiler/codegen/CpuCode.h"

#include "compiler/codegen/KernelEmitter.h"
#include "compiler/codegen/KernelEmitters.h"
#include "compiler/codegen/MachineCode.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/IR/Module.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;
using namespace mlir::hydra;

static constexpr StringRef kLevels[] = {"x86-64-v3", "x86-64-v4", "sapphirerapids"};

ArrayRef<StringRef> hydra::cpuIsaLevels() { return kLevels; }

bool hydra::hostSupports(StringRef isaLevel) {
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  auto hasAll = [&](std::initializer_list<StringRef> names) {
    return llvm::all_of(names, [&](StringRef name) { return features.lookup(name); });
  };
  bool v3 = hasAll({"avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"});
  bool v4 = v3 && hasAll({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"});
  if (isaLevel == "x86-64-v3")
    return v3;
  if (isaLevel == "x86-64-v4")
    return v4;
  return isaLevel == "sapphirerapids" && v4 &&
         hasAll({"amx-tile", "amx-bf16", "amx-int8", "avx512bf16", "avx512fp16", "avx512vnni"});
}

FailureOr<CpuTarget> hydra::parseCpuTarget(StringRef name, Location location) {
  if (name == "native") {
    for (StringRef level : llvm::reverse(kLevels))
      if (hostSupports(level))
        return CpuTarget{level.str()};
    emitError(location) << "this machine runs none of the supported instruction-set levels; the "
                           "smallest is "
                        << kLevels[0] << " (AVX2 and FMA)";
    return failure();
  }
  if (!llvm::is_contained(kLevels, name)) {
    emitError(location) << "expected an instruction-set level native, "
                        << llvm::join(cpuIsaLevels(), ", ") << "; found '" << name << "'";
    return failure();
  }
  return CpuTarget{name.str()};
}

void hydra::registerKernelExternalModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, HydraDialect *) {
    attachGlobalNormKernels(context);
    attachMoveKernels(context);
    attachAttentionForwardKernels(context);
    attachAttentionBackwardKernels(context);
    attachCrossEntropyKernels(context);
  });
}

static void loadDialects(MLIRContext *context) {
  context
      ->loadDialect<arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect,
                    LLVM::LLVMDialect, math::MathDialect, scf::SCFDialect, vector::VectorDialect>();
  registerBuiltinDialectTranslation(*context);
  registerLLVMDialectTranslation(*context);
}

// One function per stage; see PlanOps.td for the convention.
static LogicalResult emitKernel(plan::KernelOp kernel, ModuleOp target,
                                SmallVectorImpl<std::string> &functions) {
  CpuKernelEmitter emit = cpuEmitterFor(kernel);
  if (!emit)
    return failure();
  MLIRContext *context = kernel.getContext();
  Type pointer = LLVM::LLVMPointerType::get(context), i64 = IntegerType::get(context, 64);
  for (int stage = 0; stage < static_cast<int>(kernel.getItems().size()); ++stage) {
    std::string name = kernel.getSymName().str();
    if (stage > 0)
      name += "_s" + std::to_string(stage);
    ImplicitLocOpBuilder builder(kernel.getLoc(), context);
    builder.setInsertionPointToEnd(target.getBody());
    auto function = func::FuncOp::create(
        builder, name, FunctionType::get(context, {pointer, pointer, pointer, i64, i64}, {}));
    Block *entry = function.addEntryBlock();
    builder.setInsertionPointToStart(entry);
    FailureOr<KernelEmitter> emitter =
        KernelEmitter::create(builder, kernel, stage,
                              {entry->getArgument(0), entry->getArgument(1), entry->getArgument(2),
                               entry->getArgument(3), entry->getArgument(4)});
    if (failed(emitter) || failed(emit(kernel, *emitter)))
      return failure();
    func::ReturnOp::create(builder);
    functions.push_back(name);
  }
  return success();
}

static LogicalResult lowerToLLVMDialect(ModuleOp module) {
  RewritePatternSet patterns(module.getContext());
  // Not the AVX2 forms: their approximate reciprocal square root differs between levels.
  populateMathPolynomialApproximationPatterns(patterns, MathPolynomialApproximationOptions{});
  if (failed(applyPatternsGreedily(module, std::move(patterns))))
    return emitError(module.getLoc()) << "could not expand the mathematical functions";
  PassManager manager(module.getContext());
  manager.addPass(createConvertVectorToLLVMPass());
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(createConvertMathToLLVMPass());
  manager.addPass(createArithToLLVMConversionPass());
  manager.addPass(createConvertFuncToLLVMPass());
  manager.addPass(createConvertControlFlowToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
  return manager.run(module);
}

FailureOr<CodeImage> hydra::generateCpuCode(ModuleOp planModule, const CpuTarget &target) {
  Location location = planModule.getLoc();
  loadDialects(planModule.getContext());

  OwningOpRef<ModuleOp> kernels = ModuleOp::create(location);
  SmallVector<std::string> functions;
  for (auto kernel : planModule.getOps<plan::KernelOp>())
    if (failed(emitKernel(kernel, *kernels, functions)))
      return failure();
  if (failed(lowerToLLVMDialect(*kernels)))
    return failure();
  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> module = translateModuleToLLVMIR(*kernels, llvmContext, "kernels");
  if (!module)
    return emitError(location) << "could not translate the kernels to LLVM IR";
  FailureOr<SmallVector<char, 0>> object = compileToObject(*module, target.isaLevel, location);
  if (failed(object))
    return failure();
  FailureOr<CodeImage> image = linkObject(*object, functions, location);
  if (succeeded(image))
    image->isaLevel = target.isaLevel;
  return image;
}
