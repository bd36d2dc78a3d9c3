// From kernel bodies through the vector, scf, arith and math dialects to machine code, kernel by
// kernel: one is a unit of work for a thread, and one entry of the cache.
#include "compiler/codegen/CpuCode.h"

#include "compiler/codegen/KernelCache.h"
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
#include "mlir/IR/Threading.h"
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
  });
}

static void loadDialects(MLIRContext *context) {
  context
      ->loadDialect<arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect,
                    LLVM::LLVMDialect, math::MathDialect, scf::SCFDialect, vector::VectorDialect>();
  registerBuiltinDialectTranslation(*context);
  registerLLVMDialectTranslation(*context);
}

// The function of a stage in the image of its kernel. Without the kernel's name, so that equal
// kernels have equal code.
static std::string functionOf(size_t stage) {
  return stage == 0 ? "kernel" : "kernel_s" + std::to_string(stage);
}
static SmallVector<std::string> functionsOf(plan::KernelOp kernel) {
  SmallVector<std::string> names;
  for (size_t stage = 0; stage < kernel.getItems().size(); ++stage)
    names.push_back(functionOf(stage));
  return names;
}

// One function per stage; see PlanOps.td for the convention.
static LogicalResult emitKernel(plan::KernelOp kernel, const CpuFacts &level, ModuleOp target) {
  CpuKernelEmitter emit = cpuEmitterFor(kernel);
  if (!emit)
    return failure();
  MLIRContext *context = kernel.getContext();
  Type pointer = LLVM::LLVMPointerType::get(context), i64 = IntegerType::get(context, 64);
  for (auto [stage, name] : llvm::enumerate(functionsOf(kernel))) {
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
        builder, kernel, static_cast<int>(stage), level,
        {entry->getArgument(0), scalars, scratch, entry->getArgument(2), entry->getArgument(3)});
    if (failed(emitter) || failed(emit(kernel, *emitter)))
      return failure();
    func::ReturnOp::create(builder);
  }
  return success();
}

// Lowers the modules inside of `all`, in parallel.
static LogicalResult lowerToLLVMDialect(ModuleOp all) {
  MLIRContext *context = all.getContext();
  RewritePatternSet set(context);
  // Not the AVX2 forms: their approximate reciprocal square root differs between levels.
  populateMathPolynomialApproximationPatterns(set, MathPolynomialApproximationOptions{});
  FrozenRewritePatternSet patterns(std::move(set));
  SmallVector<ModuleOp> modules(all.getOps<ModuleOp>());
  if (failed(failableParallelForEach(context, modules, [&](ModuleOp module) {
        return applyPatternsGreedily(module, patterns);
      })))
    return emitError(all.getLoc()) << "could not expand the mathematical functions";
  PassManager outer(context);
  // What is wrong here is found by the translation; between these passes it is looked at in vain.
  outer.enableVerifier(false);
  OpPassManager &manager = outer.nest<ModuleOp>();
  manager.addPass(createConvertVectorToLLVMPass());
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(createConvertMathToLLVMPass());
  manager.addPass(createArithToLLVMConversionPass());
  manager.addPass(createConvertFuncToLLVMPass());
  manager.addPass(createConvertControlFlowToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
  return outer.run(all);
}

// What decides the code of a kernel, besides the compiler: its body, by hash, what was planned for
// it, and the level.
static std::string keyOf(plan::KernelOp kernel, const CpuFacts &level) {
  std::string key;
  llvm::raw_string_ostream stream(key);
  stream << level.name << " " << level.tuneFor << " " << level.llvmFeatures() << "\n";
  for (NamedAttribute attribute : kernel->getAttrDictionary())
    if (attribute.getName() != kernel.getSymNameAttrName() &&
        kernel->getInherentAttr(attribute.getName()))
      stream << attribute.getName().getValue() << "=" << attribute.getValue() << "\n";
  return key;
}

static FailureOr<CodeImage> compileKernel(plan::KernelOp kernel, ModuleOp lowered,
                                          const CpuFacts &level) {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module = translateModuleToLLVMIR(lowered, context, "kernel");
  if (!module)
    return kernel.emitOpError("could not be translated to LLVM IR");
  FailureOr<SmallVector<char, 0>> object =
      compileToObject(*module, level, kernel.getSchedule() ? CodeShape::written : CodeShape::nested,
                      kernel.getLoc());
  if (failed(object))
    return failure();
  return linkObject(*object, functionsOf(kernel), kernel.getLoc());
}

// Fills the images that are not there yet.
static LogicalResult compileKernels(ModuleOp plan, MutableArrayRef<plan::KernelOp> kernels,
                                    const CpuFacts &level,
                                    SmallVectorImpl<std::optional<CodeImage>> &images) {
  OwningOpRef<ModuleOp> all = ModuleOp::create(plan.getLoc());
  SmallVector<std::pair<size_t, ModuleOp>> missing;
  OpBuilder builder = OpBuilder::atBlockEnd(all->getBody());
  for (size_t i = 0; i < kernels.size(); ++i)
    if (!images[i])
      missing.push_back({i, ModuleOp::create(builder, kernels[i].getLoc())});
  MLIRContext *context = plan.getContext();
  if (failed(failableParallelForEach(context, missing,
                                     [&](const std::pair<size_t, ModuleOp> &one) {
                                       return emitKernel(kernels[one.first], level, one.second);
                                     })) ||
      failed(lowerToLLVMDialect(*all)))
    return failure();
  // The longest first, so that no thread is left with one while the others have nothing to do.
  DenseMap<size_t, int64_t> lengths;
  for (auto [number, module] : missing)
    module.walk([&lengths, number](Operation *) { ++lengths[number]; });
  llvm::sort(missing, [&](const auto &a, const auto &b) {
    int64_t first = lengths.lookup(a.first), second = lengths.lookup(b.first);
    return first != second ? first > second : a.first < b.first;
  });
  return failableParallelForEach(context, missing, [&](const std::pair<size_t, ModuleOp> &one) {
    FailureOr<CodeImage> image = compileKernel(kernels[one.first], one.second, level);
    if (succeeded(image))
      images[one.first] = std::move(*image);
    return LogicalResult(image);
  });
}

FailureOr<CodeImage> hydra::generateCpuCode(ModuleOp planModule, const CpuFacts &level,
                                            const KernelCache *cache) {
  loadDialects(planModule.getContext());
  SmallVector<plan::KernelOp> kernels(planModule.getOps<plan::KernelOp>());
  SmallVector<std::string> keys(kernels.size());
  SmallVector<std::optional<CodeImage>> images(kernels.size());
  SmallVector<bool> known(kernels.size(), false);
  if (cache)
    for (auto [i, kernel] : llvm::enumerate(kernels)) {
      keys[i] = keyOf(kernel, level);
      images[i] = cache->load(keys[i]);
      known[i] = images[i].has_value();
    }
  if (failed(compileKernels(planModule, kernels, level, images)))
    return failure();

  CodeImage image;
  image.isaLevel = level.name.str();
  for (auto [i, kernel] : llvm::enumerate(kernels)) {
    if (cache && !known[i])
      cache->store(keys[i], *images[i]);
    constexpr size_t kAlignment = 64;
    size_t begin = llvm::alignTo(image.bytes.size(), kAlignment);
    image.bytes.resize(begin, 0xCC); // int3 between kernels
    llvm::append_range(image.bytes, images[i]->bytes);
    for (size_t stage = 0; stage < kernel.getItems().size(); ++stage) {
      auto found = images[i]->offsets.find(functionOf(stage));
      if (found == images[i]->offsets.end())
        return kernel.emitOpError("has no code of stage ") << stage;
      image.offsets[kernelFunctionName(kernel, static_cast<int>(stage))] = begin + found->second;
    }
  }
  if (cache && llvm::is_contained(known, false))
    cache->trim();
  return image;
}
