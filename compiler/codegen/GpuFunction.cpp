#include "compiler/codegen/GpuFunction.h"

#include "compiler/codegen/KernelEmitters.h"
#include "dialects/plan/KernelScalars.h"
#include "dialects/target/GpuFacts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::hydra;

GpuFunction GpuFunction::create(ImplicitLocOpBuilder &b, plan::KernelOp kernel, int stage,
                                ModuleOp module) {
  GpuFunction gpu;
  gpu.b = &b;
  gpu.launch = plan::gpuLaunch(kernel, stage);
  Block &body = kernel.getBody().front();
  SmallVector<Value> tensors(body.getArguments());
  llvm::append_range(tensors, body.getTerminator()->getOperands());
  bool staged = kernel.getItems().size() > 1;
  size_t scalars = plan::collectKernelScalars(body).size();

  Type pointer = LLVM::LLVMPointerType::get(b.getContext()), i64 = b.getI64Type();
  SmallVector<Type> types(tensors.size() + staged + 1, pointer);
  types.append(scalars, i64);
  b.setInsertionPointToEnd(module.getBody());
  gpu.function = LLVM::LLVMFuncOp::create(
      b, kernelFunctionName(kernel, stage),
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), types));
  gpu.function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(), b.getUnitAttr());
  gpu.function->setAttr(NVVM::NVVMDialect::getMaxntidAttrName(),
                        b.getDenseI32ArrayAttr({static_cast<int32_t>(gpu.launch.threads)}));
  b.setInsertionPointToStart(gpu.function.addEntryBlock(b));

  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, b.getI64IntegerAttr(value));
  };
  auto wide = [&](Value value) -> Value { return arith::ExtUIOp::create(b, i64, value); };
  Value block = wide(NVVM::BlockIdXOp::create(b, b.getI32Type()));
  Value inBlock = wide(NVVM::ThreadIdXOp::create(b, b.getI32Type()));
  Value thread = arith::AddIOp::create(
      b, arith::MulIOp::create(b, block, constant(gpu.launch.threads)), inBlock);
  gpu.lane = arith::RemUIOp::create(b, thread, constant(kWarp));
  gpu.worker = arith::DivUIOp::create(b, thread, constant(gpu.launch.lanes));

  unsigned next = 0;
  for (Value tensor : tensors) {
    gpu.tensors.push_back(gpu.function.getArgument(next++));
    gpu.pointers[tensor] = gpu.tensors.back();
  }
  if (staged)
    gpu.partial = gpu.function.getArgument(next++);
  Value scratch = gpu.function.getArgument(next++);
  if (int64_t bytes = kernel.getScratchBytes(); bytes > 0) {
    Value offset = arith::MulIOp::create(b, gpu.worker, constant(bytes));
    gpu.scratch = LLVM::GEPOp::create(b, pointer, b.getI8Type(), scratch, ValueRange{offset});
  }
  for (size_t i = 0; i < scalars; ++i)
    gpu.scalars.push_back(gpu.function.getArgument(next++));
  return gpu;
}

Value GpuFunction::sharedMemory(Type element, int64_t count) {
  constexpr unsigned kSharedSpace = 3;
  OpBuilder::InsertionGuard guard(*b);
  b->setInsertionPoint(function);
  std::string name = (function.getSymName() + "_shared").str();
  LLVM::GlobalOp::create(*b, LLVM::LLVMArrayType::get(element, count), /*isConstant=*/false,
                         LLVM::Linkage::Internal, name, Attribute(), /*alignment=*/16,
                         kSharedSpace);
  b->setInsertionPointToStart(&function.getBody().front());
  return LLVM::AddressOfOp::create(*b, LLVM::LLVMPointerType::get(b->getContext(), kSharedSpace),
                                   name);
}

void GpuFunction::forEachUnit(Value limit, llvm::function_ref<void(Value)> body) {
  Value step = arith::ConstantOp::create(*b, b->getI64IntegerAttr(launch.workers()));
  scf::ForOp::create(*b, worker, limit, step, ValueRange{},
                     [&](OpBuilder &inner, Location, Value unit, ValueRange) {
                       OpBuilder::InsertionGuard guard(*b);
                       b->setInsertionPoint(inner.getInsertionBlock(), inner.getInsertionPoint());
                       body(unit);
                       scf::YieldOp::create(*b);
                     });
}

SmallVector<Value>
mlir::hydra::createLoop(ImplicitLocOpBuilder &b, Value begin, Value end, int64_t step,
                        ValueRange initial,
                        llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(
      b, begin, end, arith::ConstantOp::create(b, b.getI64IntegerAttr(step)), initial,
      [&](OpBuilder &inner, Location, Value position, ValueRange carried) {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPoint(inner.getInsertionBlock(), inner.getInsertionPoint());
        scf::YieldOp::create(b, body(position, carried));
      });
  return llvm::to_vector_of<Value>(loop.getResults());
}

void mlir::hydra::createIf(ImplicitLocOpBuilder &b, Value condition,
                           llvm::function_ref<void()> body) {
  if (!condition)
    return body();
  auto branch = scf::IfOp::create(b, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  body();
}
