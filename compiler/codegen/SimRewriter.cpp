// From kernels in the LLVM and NVVM dialects to the functions that runtime/hal/sim runs.
#include "compiler/codegen/SimCode.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "runtime/base/command.h"
#include "runtime/base/sim_intrinsics.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::hydra;
using ::hydra::hal::KernelContext;
using ::hydra::hal::SimIntrinsics;

namespace {

constexpr unsigned kSharedSpace = 3;
constexpr unsigned kMatrixWords = 10;

bool isShared(Type type) {
  auto pointer = dyn_cast<LLVM::LLVMPointerType>(type);
  return pointer && pointer.getAddressSpace() == kSharedSpace;
}

std::string placeOf(Operation *op, size_t number) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  FileLineColLoc position;
  op->getLoc()->walk([&](Location part) {
    position = dyn_cast<FileLineColLoc>(part);
    return position ? WalkResult::interrupt() : WalkResult::advance();
  });
  if (position)
    stream << position.getFilename().getValue() << ":" << position.getLine() << ":"
           << position.getColumn() << ", ";
  stream << op->getName() << " number " << number;
  return text;
}

// One kernel.
class SimRewriter {
public:
  SimRewriter(LLVM::LLVMFuncOp kernel, DenseMap<StringAttr, LLVM::GlobalOp> globals)
      : kernel(kernel), b(kernel.getLoc(), kernel.getContext()), globals(std::move(globals)),
        pointer(LLVM::LLVMPointerType::get(kernel.getContext())) {}

  LogicalResult run() {
    makeThreadFunction();
    placeShared();
    DenseSet<Operation *> frame;
    for (Operation *op = rest; op; op = op->getPrevNode())
      frame.insert(op);
    SmallVector<Operation *> ops;
    kernel.walk([&](Operation *op) {
      if (op != kernel && !frame.contains(op))
        ops.push_back(op);
    });
    for (auto [index, op] : llvm::enumerate(ops)) {
      number = index;
      b.setLoc(op->getLoc());
      b.setInsertionPoint(op);
      if (failed(rewrite(op)))
        return failure();
    }
    forgetAddressSpaces();
    return success();
  }

private:
  Type i32() { return b.getI32Type(); }
  Type i64() { return b.getI64Type(); }
  Value constant(int32_t value) { return LLVM::ConstantOp::create(b, b.getI32IntegerAttr(value)); }
  Value constantWide(int64_t value) {
    return LLVM::ConstantOp::create(b, b.getI64IntegerAttr(value));
  }
  Value at(Value base, int64_t bytes) {
    return LLVM::GEPOp::create(b, pointer, b.getI8Type(), base,
                               ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(bytes)});
  }

  // (args, context, begin, end), with the parameters read from args.
  void makeThreadFunction() {
    Block &entry = kernel.getBody().front();
    for (NamedAttribute attribute : llvm::to_vector(kernel->getDiscardableAttrs()))
      kernel->removeDiscardableAttr(attribute.getName());
    unsigned old = entry.getNumArguments();
    for (Type type : {Type(pointer), Type(pointer), i64(), i64()})
      entry.addArgument(type, kernel.getLoc());
    b.setInsertionPointToStart(&entry);
    for (unsigned i = 0; i < old; ++i) {
      Value parameter = LLVM::LoadOp::create(b, entry.getArgument(i).getType(),
                                             at(entry.getArgument(old), 8 * i), /*alignment=*/8);
      entry.getArgument(i).replaceAllUsesWith(parameter);
    }
    intrinsics = LLVM::LoadOp::create(
        b, pointer, at(entry.getArgument(old + 1), offsetof(KernelContext, intrinsics)), 8);
    entry.eraseArguments(0, old);
    kernel.setFunctionType(LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                                       {pointer, pointer, i64(), i64()}));
    kernel.removeArgAttrsAttr();
    // Up to here the entry block is the frame's own; what follows is the kernel's.
    rest = LLVM::ConstantOp::create(b, b.getI64IntegerAttr(0));
  }

  // Shared globals that this kernel names lie one after the other.
  void placeShared() {
    int64_t bytes = 0;
    SmallVector<LLVM::AddressOfOp> uses;
    kernel.walk([&](LLVM::AddressOfOp use) { uses.push_back(use); });
    DenseMap<StringAttr, int64_t> places;
    DataLayout layout(kernel->getParentOfType<ModuleOp>());
    for (LLVM::AddressOfOp use : uses) {
      LLVM::GlobalOp global = globals.lookup(use.getGlobalNameAttr().getAttr());
      if (!global || global.getAddrSpace() != kSharedSpace)
        continue;
      if (!places.count(global.getSymNameAttr())) {
        bytes = static_cast<int64_t>(llvm::alignTo(bytes, global.getAlignment().value_or(16)));
        places[global.getSymNameAttr()] = bytes;
        bytes += static_cast<int64_t>(layout.getTypeSize(global.getGlobalType()).getFixedValue());
      }
    }
    if (places.empty())
      return;
    b.setInsertionPoint(rest);
    Value base = call(offsetof(SimIntrinsics, shared), pointer, {constantWide(bytes)});
    for (LLVM::AddressOfOp use : uses) {
      auto place = places.find(use.getGlobalNameAttr().getAttr());
      if (place == places.end())
        continue;
      b.setInsertionPoint(use);
      use.replaceAllUsesWith(at(base, place->second));
      use.erase();
    }
  }

  // A call of the operation at `offset` of SimIntrinsics.
  Value call(size_t offset, Type result, SmallVector<Value> operands) {
    Value function = LLVM::LoadOp::create(b, pointer, at(intrinsics, offset), 8);
    operands.insert(operands.begin(), intrinsics);
    SmallVector<Type> types(ValueRange(operands).getTypes());
    auto type = LLVM::LLVMFunctionType::get(
        result ? result : LLVM::LLVMVoidType::get(b.getContext()), types);
    operands.insert(operands.begin(), function);
    auto made = LLVM::CallOp::create(b, type, operands);
    return result ? made.getResult() : Value();
  }

  // The address of a text that names the op, different for every op of a kernel.
  Value place(Operation *op) {
    auto module = kernel->getParentOfType<ModuleOp>();
    std::string text = placeOf(op, number);
    std::string name = ("place_" + kernel.getSymName() + "_" + llvm::Twine(number)).str();
    if (!module.lookupSymbol(name)) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(module.getBody());
      text.push_back('\0');
      auto type = LLVM::LLVMArrayType::get(b.getI8Type(), text.size());
      LLVM::GlobalOp::create(b, type, /*isConstant=*/true, LLVM::Linkage::Internal, name,
                             b.getStringAttr(text));
    }
    return LLVM::AddressOfOp::create(b, pointer, name);
  }

  static bool isOnStack(Value address) {
    while (auto element = address.getDefiningOp<LLVM::GEPOp>())
      address = element.getBase();
    return address.getDefiningOp<LLVM::AllocaOp>() != nullptr;
  }
  static int32_t kindOf(Value address, bool write, uint64_t alignment) {
    int32_t kind = write ? ::hydra::hal::kSimWrite : 0;
    if (isShared(address.getType()))
      kind |= ::hydra::hal::kSimShared;
    return kind + static_cast<int32_t>(alignment << ::hydra::hal::kSimAlignmentShift);
  }
  Value plain(Value address) {
    if (!isShared(address.getType()))
      return address;
    return LLVM::AddrSpaceCastOp::create(b, pointer, address);
  }

  void announce(Operation *op, Value address, Type type, bool write, uint64_t alignment) {
    if (isOnStack(address))
      return;
    DataLayout layout(kernel->getParentOfType<ModuleOp>());
    auto bytes = static_cast<int64_t>(layout.getTypeSize(type).getFixedValue());
    call(offsetof(SimIntrinsics, access), {},
         {plain(address), constantWide(bytes), constant(kindOf(address, write, alignment)),
          place(op)});
  }
  LogicalResult announceMasked(Operation *op, Value address, Type type, Value mask, bool write,
                               uint64_t alignment) {
    auto vector = cast<VectorType>(type);
    int64_t lanes = vector.getNumElements();
    if (lanes > 32)
      return op->emitOpError("has more than 32 lanes, which target sim does not check");
    if (isOnStack(address))
      return success();
    Type bits = b.getIntegerType(static_cast<unsigned>(lanes));
    Value elements = LLVM::BitcastOp::create(b, bits, mask);
    if (lanes < 32)
      elements = LLVM::ZExtOp::create(b, i32(), elements);
    call(offsetof(SimIntrinsics, access_elements), {},
         {plain(address), constantWide(vector.getElementTypeBitWidth() / 8), elements,
          constant(kindOf(address, write, alignment)), place(op)});
    return success();
  }

  void replace(Operation *op, Value value) {
    if (op->getNumResults() == 1)
      op->getResult(0).replaceAllUsesWith(value);
    op->erase();
  }
  LogicalResult readRegister(Operation *op, int32_t which) {
    replace(op, call(offsetof(SimIntrinsics, read_register), i32(), {constant(which)}));
    return success();
  }

  LogicalResult shuffle(NVVM::ShflOp op) {
    if (op.getReturnValueAndIsValid())
      return op.emitOpError("asks for a predicate, which target sim does not have");
    static_assert(::hydra::hal::kSimIndex == 3, "the kinds below");
    int32_t kind = 0;
    switch (op.getKind()) {
    case NVVM::ShflKind::bfly:
      kind = ::hydra::hal::kSimXor;
      break;
    case NVVM::ShflKind::up:
      kind = ::hydra::hal::kSimUp;
      break;
    case NVVM::ShflKind::down:
      kind = ::hydra::hal::kSimDown;
      break;
    case NVVM::ShflKind::idx:
      kind = ::hydra::hal::kSimIndex;
      break;
    }
    Value value = op.getVal();
    bool isFloat = value.getType().isF32();
    if (isFloat)
      value = LLVM::BitcastOp::create(b, i32(), value);
    Value result = call(offsetof(SimIntrinsics, shuffle), i32(),
                        {constant(kind), op.getThreadMask(), value, op.getOffset(),
                         op.getMaskAndClamp(), place(op)});
    if (isFloat)
      result = LLVM::BitcastOp::create(b, b.getF32Type(), result);
    replace(op, result);
    return success();
  }

  LogicalResult multiply(NVVM::MmaOp op) {
    auto type = op.getMultiplicandAPtxType();
    int32_t product;
    int k = op.getShape().getK();
    if (type == NVVM::MMATypes::bf16 && k == 16)
      product = ::hydra::hal::kSimBf16M16N8K16;
    else if (type == NVVM::MMATypes::tf32 && k == 8)
      product = ::hydra::hal::kSimTf32M16N8K8;
    else
      return op.emitOpError("target sim multiplies m16n8k16 of bf16 and m16n8k8 of tf32");
    SmallVector<Value> operands(op.getOperands());
    if (operands.size() != kMatrixWords)
      return op.emitOpError("expected ") << kMatrixWords << " registers of operands";
    Value words;
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(rest);
      words = LLVM::AllocaOp::create(b, pointer, i32(), constantWide(kMatrixWords), 16);
    }
    for (auto [index, operand] : llvm::enumerate(operands))
      LLVM::StoreOp::create(b, operand, at(words, static_cast<int64_t>(4 * index)), 4);
    call(offsetof(SimIntrinsics, multiply), {}, {constant(product), words, place(op)});
    Value result = LLVM::PoisonOp::create(b, op.getRes().getType());
    for (int64_t i = 0; i < 4; ++i) {
      Value element = LLVM::LoadOp::create(b, b.getF32Type(), at(words, 4 * (6 + i)), 4);
      result = LLVM::InsertValueOp::create(b, result, element, ArrayRef<int64_t>{i});
    }
    replace(op, result);
    return success();
  }

  LogicalResult intrinsic(LLVM::CallIntrinsicOp op) {
    if (op.getIntrin() != "llvm.nvvm.ex2.approx.ftz.f32")
      return op.emitOpError("calls ") << op.getIntrin() << ", which has no meaning on target sim";
    replace(op, call(offsetof(SimIntrinsics, exp2), b.getF32Type(), {op.getArgs().front()}));
    return success();
  }

  LogicalResult barrier(Operation *op) {
    call(offsetof(SimIntrinsics, barrier), {}, {place(op)});
    op->erase();
    return success();
  }

  LogicalResult rewrite(Operation *op) {
    using namespace ::hydra::hal;
    return llvm::TypeSwitch<Operation *, LogicalResult>(op)
        .Case([&](LLVM::LoadOp load) {
          announce(load, load.getAddr(), load.getType(), false, load.getAlignment().value_or(1));
          return success();
        })
        .Case([&](LLVM::StoreOp store) {
          announce(store, store.getAddr(), store.getValue().getType(), true,
                   store.getAlignment().value_or(1));
          return success();
        })
        .Case([&](LLVM::MaskedLoadOp load) {
          return announceMasked(load, load.getData(), load.getType(), load.getMask(), false,
                                load.getAlignment());
        })
        .Case([&](LLVM::MaskedStoreOp store) {
          return announceMasked(store, store.getData(), store.getValue().getType(), store.getMask(),
                                true, store.getAlignment());
        })
        .Case([&](NVVM::ThreadIdXOp) { return readRegister(op, kSimThread); })
        .Case([&](NVVM::ThreadIdYOp) { return readRegister(op, kSimThread + 1); })
        .Case([&](NVVM::ThreadIdZOp) { return readRegister(op, kSimThread + 2); })
        .Case([&](NVVM::BlockIdXOp) { return readRegister(op, kSimBlock); })
        .Case([&](NVVM::BlockIdYOp) { return readRegister(op, kSimBlock + 1); })
        .Case([&](NVVM::BlockIdZOp) { return readRegister(op, kSimBlock + 2); })
        .Case([&](NVVM::BlockDimXOp) { return readRegister(op, kSimThreads); })
        .Case([&](NVVM::GridDimXOp) { return readRegister(op, kSimBlocks); })
        .Case([&](NVVM::LaneIdOp) { return readRegister(op, kSimLane); })
        .Case([&](NVVM::Barrier0Op) { return barrier(op); })
        .Case([&](NVVM::BarrierOp) -> LogicalResult {
          if (op->getNumOperands() > 0 || op->getNumResults() > 0)
            return op->emitOpError("target sim knows the barrier of all threads of a block only");
          return barrier(op);
        })
        .Case([&](NVVM::SyncWarpOp sync) {
          call(offsetof(SimIntrinsics, warp_barrier), {}, {sync.getMask(), place(op)});
          op->erase();
          return success();
        })
        .Case([&](NVVM::ShflOp shuffled) { return shuffle(shuffled); })
        .Case([&](NVVM::VoteSyncOp vote) -> LogicalResult {
          if (vote.getKind() != NVVM::VoteSyncKind::ballot)
            return op->emitOpError("target sim knows votes of kind ballot only");
          Value value = LLVM::ZExtOp::create(b, i32(), vote.getPred());
          replace(op,
                  call(offsetof(SimIntrinsics, ballot), i32(), {vote.getMask(), value, place(op)}));
          return success();
        })
        .Case([&](NVVM::MmaOp product) { return multiply(product); })
        .Case([&](LLVM::CallIntrinsicOp called) { return intrinsic(called); })
        .Case<LLVM::CallOp, LLVM::InlineAsmOp, LLVM::AtomicRMWOp, LLVM::AtomicCmpXchgOp,
              LLVM::MemcpyOp, LLVM::MemmoveOp, LLVM::MemsetOp, LLVM::masked_gather,
              LLVM::masked_scatter>(
            [](Operation *refused) { return refused->emitOpError("has no meaning on target sim"); })
        .Default([](Operation *other) -> LogicalResult {
          if (isa<LLVM::LLVMDialect>(other->getDialect()))
            return success();
          return other->emitOpError("has no meaning on target sim");
        });
  }

  // There is one address space on this processor.
  void forgetAddressSpaces() {
    SmallVector<LLVM::AddrSpaceCastOp> casts;
    kernel.walk([&](Operation *op) {
      for (Value result : op->getResults())
        if (isa<LLVM::LLVMPointerType>(result.getType()))
          result.setType(pointer);
      for (mlir::Region &region : op->getRegions())
        for (Block &block : region)
          for (BlockArgument argument : block.getArguments())
            if (isa<LLVM::LLVMPointerType>(argument.getType()))
              argument.setType(pointer);
      if (auto cast = dyn_cast<LLVM::AddrSpaceCastOp>(op))
        casts.push_back(cast);
    });
    for (LLVM::AddrSpaceCastOp cast : casts) {
      cast.getResult().replaceAllUsesWith(cast.getOperand());
      cast.erase();
    }
  }

  LLVM::LLVMFuncOp kernel;
  ImplicitLocOpBuilder b;
  DenseMap<StringAttr, LLVM::GlobalOp> globals;
  LLVM::LLVMPointerType pointer;
  Value intrinsics;
  Operation *rest = nullptr; // the last op of the frame
  size_t number = 0;         // of the op that is rewritten
};

} // namespace

LogicalResult mlir::hydra::rewriteForSim(ModuleOp nvvmModule,
                                         SmallVectorImpl<std::string> &functions) {
  SmallVector<LLVM::LLVMFuncOp> kernels;
  DenseMap<StringAttr, LLVM::GlobalOp> globals;
  for (Operation &op : *nvvmModule.getBody()) {
    auto function = dyn_cast<LLVM::LLVMFuncOp>(op);
    if (auto global = dyn_cast<LLVM::GlobalOp>(op))
      globals[global.getSymNameAttr()] = global;
    else if (function && !function.isExternal() &&
             function->hasAttr(NVVM::NVVMDialect::getKernelFuncAttrName()))
      kernels.push_back(function);
    else
      return op.emitError("expected kernels and their global memory; target sim has no meaning for "
                          "this");
  }
  for (LLVM::LLVMFuncOp kernel : kernels) {
    functions.push_back(kernel.getSymName().str());
    if (failed(SimRewriter(kernel, globals).run()))
      return failure();
  }
  for (auto &[name, global] : globals)
    if (global.getAddrSpace() == kSharedSpace)
      global.erase();
  return success();
}
