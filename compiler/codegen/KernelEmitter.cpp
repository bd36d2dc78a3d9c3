#include "compiler/codegen/KernelEmitter.h"

#include "dialects/plan/KernelScalars.h"
#include "dialects/rows/RowsDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::hydra;

FailureOr<KernelEmitter> KernelEmitter::create(ImplicitLocOpBuilder &builder, plan::KernelOp kernel,
                                               int stage, const CpuFacts &level,
                                               Arguments arguments) {
  Block &body = kernel.getBody().front();
  KernelEmitter emitter(builder, kernel, stage, level, arguments);
  Type pointerType = LLVM::LLVMPointerType::get(builder.getContext());
  int64_t next = 0;
  auto loadPointer = [&] {
    return emitter.loadScalar(pointerType, arguments.args, emitter.index(next++));
  };
  for (Value argument : body.getArguments())
    emitter.pointers[argument] = loadPointer();
  for (Value yielded : body.getTerminator()->getOperands())
    emitter.pointers[yielded] = loadPointer();
  if (kernel.getItems().size() > 1)
    emitter.partialPointer = loadPointer();
  for (auto [position, entry] : llvm::enumerate(plan::collectKernelScalars(body)))
    emitter.scalarValues[{entry.op, entry.attribute}] = emitter.loadScalar(
        emitter.i64(), arguments.scalars, emitter.index(static_cast<int64_t>(position)));
  for (Operation &op : body.without_terminator()) {
    for (auto [number, result] : llvm::enumerate(op.getResults()))
      if (!emitter.pointers.count(result)) {
        op.emitOpError("result ") << number << " has no memory: a kernel yields all its results";
        return failure();
      }
    for (Value value :
         llvm::concat<Value>(llvm::to_vector(op.getOperands()), llvm::to_vector(op.getResults()))) {
      Type element = tensorType(value).getElementType();
      bool rounded = element.isBF16() && isa<rows::ProgramOp, AttentionOp, AttentionGradOp>(op);
      if (!element.isF32() && !element.isInteger(32) && !rounded) {
        op.emitOpError("the cpu target generates code for f32 and i32, and in row programs and "
                       "attention for bf16, found ")
            << value.getType();
        return failure();
      }
      if (!emitter.pointers.count(value)) {
        op.emitOpError("expected operands that are arguments of the kernel; fused bodies need a "
                       "fused emitter");
        return failure();
      }
    }
  }
  return emitter;
}

Value KernelEmitter::argumentPointer(Value number) {
  return loadScalar(LLVM::LLVMPointerType::get(b.getContext()), arguments.args, number);
}
Value KernelEmitter::table(ArrayRef<int32_t> values) {
  SmallVector<int32_t> padded(values);
  padded.resize(llvm::alignTo(values.size(), kLanes), 0);
  // Where the function begins, so that no loop makes it again. The block is asked of the arguments:
  // a loop whose body is being built has no parent yet.
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(arguments.args.getParentBlock());
  Value memory = LLVM::AllocaOp::create(b, LLVM::LLVMPointerType::get(b.getContext()), i32(),
                                        index(static_cast<int64_t>(padded.size())),
                                        /*alignment=*/64);
  for (size_t first = 0; first < padded.size(); first += kLanes)
    store(arith::ConstantOp::create(
              b, cast<TypedAttr>(DenseElementsAttr::get(
                     vector(i32()), ArrayRef<int32_t>(padded).slice(first, kLanes)))),
          memory, index(static_cast<int64_t>(first)));
  return memory;
}

Value KernelEmitter::scalarBits(Operation *op, StringRef attribute) {
  Value bits = scalarValues.lookup({op, b.getStringAttr(attribute)});
  assert(bits && "not a kernel scalar");
  return bits;
}
Value KernelEmitter::scalarInteger(Operation *op, StringRef attribute) {
  return scalarBits(op, attribute);
}
Value KernelEmitter::scalarDouble(Operation *op, StringRef attribute) {
  return arith::BitcastOp::create(b, f64(), scalarBits(op, attribute));
}
Value KernelEmitter::scalar(Operation *op, StringRef attribute) {
  return toSingle(scalarDouble(op, attribute));
}

Value KernelEmitter::index(int64_t value) {
  return arith::ConstantOp::create(b, b.getI64IntegerAttr(value));
}
Value KernelEmitter::integer(int64_t value) {
  return arith::ConstantOp::create(b, b.getI32IntegerAttr(static_cast<int32_t>(value)));
}
Value KernelEmitter::real(double value) {
  return arith::ConstantOp::create(b, b.getF32FloatAttr(static_cast<float>(value)));
}
Value KernelEmitter::realDouble(double value) {
  return arith::ConstantOp::create(b, b.getF64FloatAttr(value));
}
Value KernelEmitter::splat(Value scalar) {
  return vector::BroadcastOp::create(b, vector(scalar.getType()), scalar);
}
Value KernelEmitter::lanes() {
  SmallVector<int32_t> values;
  for (int32_t lane = 0; lane < kLanes; ++lane)
    values.push_back(lane);
  return arith::ConstantOp::create(
      b, cast<TypedAttr>(DenseElementsAttr::get(vector(i32()), ArrayRef<int32_t>(values))));
}
Value KernelEmitter::staticMask(int64_t count) {
  if (count >= kLanes)
    return {};
  SmallVector<bool> values;
  for (int64_t lane = 0; lane < kLanes; ++lane)
    values.push_back(lane < count);
  return arith::ConstantOp::create(
      b, cast<TypedAttr>(DenseElementsAttr::get(vector(b.getI1Type()), ArrayRef<bool>(values))));
}
Value KernelEmitter::dynamicMask(Value count) {
  Value narrow = arith::TruncIOp::create(b, i32(), min(count, index(kLanes)));
  return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, lanes(), splat(narrow));
}

Value KernelEmitter::fma(Value a, Value c, Value accumulator) {
  return math::FmaOp::create(b, a, c, accumulator);
}
// Transcendental functions exist for vectors only, so that one approximation serves all.
static Value lanewise(KernelEmitter &e, Value x, llvm::function_ref<Value(Value)> function) {
  if (isa<VectorType>(x.getType()))
    return function(x);
  return e.extract(function(e.splat(x)), 0);
}
Value KernelEmitter::exp(Value x) {
  return lanewise(*this, x, [&](Value v) -> Value { return math::ExpOp::create(b, v); });
}
Value KernelEmitter::log(Value x) {
  return lanewise(*this, x, [&](Value v) -> Value { return math::LogOp::create(b, v); });
}
Value KernelEmitter::sqrt(Value x) { return math::SqrtOp::create(b, x); }
Value KernelEmitter::toDouble(Value x) {
  Type type = isa<VectorType>(x.getType()) ? Type(vector(f64())) : f64();
  return arith::ExtFOp::create(b, type, x);
}
Value KernelEmitter::toSingle(Value x) {
  Type type = isa<VectorType>(x.getType()) ? Type(vector(f32())) : f32();
  return arith::TruncFOp::create(b, type, x);
}
Value KernelEmitter::shuffle(Value a, Value c, ArrayRef<int64_t> mask) {
  return vector::ShuffleOp::create(b, a, c, mask);
}
Value KernelEmitter::extract(Value vector, int64_t lane) {
  return vector::ExtractOp::create(b, vector, lane);
}
Value KernelEmitter::tree(Value vector, llvm::function_ref<Value(Value, Value)> combine) {
  for (int64_t width = kLanes / 2; width >= 1; width /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t lane = 0; lane < width; ++lane) {
      low.push_back(lane);
      high.push_back(lane + width);
    }
    vector = combine(shuffle(vector, vector, low), shuffle(vector, vector, high));
  }
  return extract(vector, 0);
}
Value KernelEmitter::treeSum(Value vector) {
  return tree(vector, [&](Value a, Value c) { return addf(a, c); });
}
Value KernelEmitter::treeMax(Value vector) {
  return tree(vector, [&](Value a, Value c) { return maxf(a, c); });
}
Value KernelEmitter::treeLarger(Value vector) {
  return tree(vector, [&](Value a, Value c) { return larger(a, c); });
}

static int64_t bytesOf(Type type) {
  if (auto vector = dyn_cast<VectorType>(type))
    type = vector.getElementType();
  return isa<LLVM::LLVMPointerType>(type) ? 8 : type.getIntOrFloatBitWidth() / 8;
}
Value KernelEmitter::address(Value pointer, Value offset, int64_t elementBytes) {
  Type element = b.getIntegerType(static_cast<unsigned>(8 * elementBytes));
  return LLVM::GEPOp::create(b, pointer.getType(), element, pointer, ValueRange{offset});
}
Value KernelEmitter::loadScalar(Type type, Value pointer, Value offset) {
  int64_t bytes = bytesOf(type);
  return LLVM::LoadOp::create(b, type, address(pointer, offset, bytes),
                              static_cast<unsigned>(bytes));
}
void KernelEmitter::storeScalar(Value value, Value pointer, Value offset) {
  int64_t bytes = bytesOf(value.getType());
  LLVM::StoreOp::create(b, value, address(pointer, offset, bytes), static_cast<unsigned>(bytes));
}
Value KernelEmitter::load(Value pointer, Value offset, Value mask, Type element) {
  VectorType type = vector(element ? element : f32());
  int64_t bytes = bytesOf(type);
  Value from = address(pointer, offset, bytes);
  if (!mask)
    return LLVM::LoadOp::create(b, type, from, static_cast<unsigned>(bytes));
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
  return LLVM::MaskedLoadOp::create(b, type, from, mask, zero, static_cast<uint32_t>(bytes));
}
void KernelEmitter::store(Value value, Value pointer, Value offset, Value mask) {
  int64_t bytes = bytesOf(value.getType());
  Value to = address(pointer, offset, bytes);
  if (mask)
    LLVM::MaskedStoreOp::create(b, value, to, mask, static_cast<uint32_t>(bytes));
  else
    LLVM::StoreOp::create(b, value, to, static_cast<unsigned>(bytes));
}
Value KernelEmitter::samePointer(Value a, Value c) {
  return LLVM::ICmpOp::create(b, LLVM::ICmpPredicate::eq, a, c);
}

void KernelEmitter::loop(Value begin, Value end, int64_t step, LoopBody body) {
  scf::ForOp::create(b, begin, end, index(step), ValueRange{},
                     [&](OpBuilder &inner, Location location, Value position, ValueRange) {
                       OpBuilder::InsertionGuard guard(b);
                       b.setInsertionPoint(inner.getInsertionBlock(), inner.getInsertionPoint());
                       body(position);
                       scf::YieldOp::create(b);
                     });
}
SmallVector<Value> KernelEmitter::fold(Value begin, Value end, int64_t step, ValueRange initial,
                                       FoldBody body) {
  auto loop = scf::ForOp::create(
      b, begin, end, index(step), initial,
      [&](OpBuilder &inner, Location location, Value position, ValueRange carried) {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPoint(inner.getInsertionBlock(), inner.getInsertionPoint());
        scf::YieldOp::create(b, body(position, carried));
      });
  return llvm::to_vector_of<Value>(loop.getResults());
}
void KernelEmitter::ifThen(Value condition, llvm::function_ref<void()> body) {
  scf::IfOp::create(b, condition, [&](OpBuilder &inner, Location location) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(inner.getInsertionBlock(), inner.getInsertionPoint());
    body();
    scf::YieldOp::create(b);
  });
}

SmallVector<Value> KernelEmitter::foldColumns(int64_t extent, ValueRange initial, ColumnFold body) {
  int64_t whole = extent / kLanes * kLanes;
  SmallVector<Value> carried = llvm::to_vector_of<Value>(initial);
  if (whole == kLanes)
    carried = body(index(0), Value(), carried);
  else if (whole > 0)
    carried = fold(index(0), index(whole), kLanes, carried,
                   [&](Value column, ValueRange values) { return body(column, Value(), values); });
  if (whole < extent)
    carried = body(index(whole), staticMask(extent - whole), carried);
  return carried;
}
void KernelEmitter::columns(int64_t extent, ColumnBody body) {
  foldColumns(extent, {}, [&](Value column, Value mask, ValueRange) {
    body(column, mask);
    return SmallVector<Value>();
  });
}
SmallVector<Value> KernelEmitter::foldColumns(Value begin, Value end, ValueRange initial,
                                              ColumnFold body) {
  Value length = max(sub(end, begin), index(0));
  Value whole = add(begin, mul(div(length, kLanes), kLanes));
  SmallVector<Value> carried =
      fold(begin, whole, kLanes, initial,
           [&](Value column, ValueRange values) { return body(column, Value(), values); });
  // At most one round: the tail.
  return fold(whole, end, kLanes, carried, [&](Value column, ValueRange values) {
    return body(column, dynamicMask(sub(end, column)), values);
  });
}
void KernelEmitter::columns(Value begin, Value end, ColumnBody body) {
  foldColumns(begin, end, {}, [&](Value column, Value mask, ValueRange) {
    body(column, mask);
    return SmallVector<Value>();
  });
}
void KernelEmitter::fill(Value pointer, Value offset, int64_t extent, Value vector) {
  columns(extent,
          [&](Value column, Value mask) { store(vector, pointer, add(offset, column), mask); });
}
void KernelEmitter::copy(Value from, Value fromOffset, Value to, Value toOffset, int64_t extent,
                         Type element) {
  columns(extent, [&](Value column, Value mask) {
    store(load(from, add(fromOffset, column), mask, element), to, add(toOffset, column), mask);
  });
}

Value KernelEmitter::scalarOperand(Value operand, int64_t absent, Value sequence) {
  if (!operand)
    return index(absent);
  return toIndex(loadScalar(i32(), pointer(operand), sequence ? sequence : index(0)));
}
Value KernelEmitter::rowLimit(int64_t count, Value rowsOperand) {
  if (!rowsOperand)
    return index(count);
  return min(max(scalarOperand(rowsOperand, count), index(0)), index(count));
}
std::pair<Value, Value> KernelEmitter::rowRange(int64_t count, Value rowsOperand) {
  Value limit = rowLimit(count, rowsOperand);
  Value first = min(mul(begin(), plan::kRowTile), limit);
  return {first, min(mul(end(), plan::kRowTile), limit)};
}
void KernelEmitter::rows(int64_t count, Value rowsOperand, LoopBody body) {
  auto [first, last] = rowRange(count, rowsOperand);
  loop(first, last, 1, body);
}
