#include "compiler/codegen/SimCode.h"

#include "compiler/codegen/GpuCode.h"
#include "compiler/codegen/MachineCode.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/Module.h"

using namespace mlir;
using namespace mlir::hydra;

FailureOr<CodeImage> mlir::hydra::compileForSim(ModuleOp nvvmModule, const CpuFacts &level) {
  Location location = nvvmModule.getLoc();
  SmallVector<std::string> functions;
  if (failed(rewriteForSim(nvvmModule, functions)))
    return failure();
  registerBuiltinDialectTranslation(*nvvmModule.getContext());
  registerLLVMDialectTranslation(*nvvmModule.getContext());
  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> module =
      translateModuleToLLVMIR(nvvmModule, llvmContext, "kernels");
  if (!module)
    return emitError(location) << "could not translate the simulated kernels to LLVM IR";
  FailureOr<SmallVector<char, 0>> object =
      compileToObject(*module, level, CodeShape::nested, location);
  if (failed(object))
    return failure();
  FailureOr<CodeImage> image = linkObject(*object, functions, location);
  if (succeeded(image))
    image->isaLevel = level.name.str();
  return image;
}

FailureOr<CodeImage> mlir::hydra::generateSimCode(ModuleOp planModule, const CpuFacts &level) {
  FailureOr<OwningOpRef<ModuleOp>> device = generateNvvm(planModule);
  if (failed(device))
    return failure();
  return compileForSim(**device, level);
}
