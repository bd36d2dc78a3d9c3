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

using namespace mlir;
using namespace mlir::hydra;

void hydra::registerKernelExternalModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, HydraDialect *) {
    attachGlobalNormKernels(context);
    attachMoveKernels(context);
    attachSampleKernels(context);
    attachSelectionKernels(context);
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
    std::string name = kernelFunctionName(kernel, stage);
    ImplicitLocOpBuilder builder(kernel.getLoc(), context);
    builder.setInsertionPointToEnd(target.getBody());
    auto function = func::FuncOp::create(
        builder, name, FunctionType::get(context, {pointer, pointer, i64, i64}, {}));
    Block *entry = function.addEntryBlock();
    builder.setInsertionPointToStart(entry);
    // Fields of KernelContext (runtime/base/command.h), all of eight bytes.
    auto field = [&](int number) -> Value {
      Value address = LLVM::GEPOp::create(builder, pointer, i64, entry->getArgument(1),
                                          ArrayRef<LLVM::GEPArg>{number});
      return LLVM::LoadOp::create(builder, pointer, address, /*alignment=*/8);
    };
    Value scalars = field(0), scratch = field(1);
    FailureOr<KernelEmitter> emitter = KernelEmitter::create(
        builder, kernel, stage,
        {entry->getArgument(0), scalars, scratch, entry->getArgument(2), entry->getArgument(3)});
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

FailureOr<CodeImage> hydra::generateCpuCode(ModuleOp planModule, const CpuFacts &level) {
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
  FailureOr<SmallVector<char, 0>> object = compileToObject(*module, level, location);
  if (failed(object))
    return failure();
  FailureOr<CodeImage> image = linkObject(*object, functions, location);
  if (succeeded(image))
    image->isaLevel = level.name.str();
  return image;
}
