// What a primitive sees while it emits its kernel for a CPU: pointers, scalars, and vectors of 16.
//
// Rules that make results independent of threads and of the instruction-set level:
//   * vectors have 16 lanes everywhere; a tail is a masked vector;
//   * no fast-math flags: products are fused only where fma() says so;
//   * sums run over lanes in ascending columns, then through one fixed tree.
#ifndef HYDRA_COMPILER_CODEGEN_KERNELEMITTER_H
#define HYDRA_COMPILER_CODEGEN_KERNELEMITTER_H

#include "dialects/plan/KernelWork.h"
#include "dialects/plan/PlanDialect.h"
#include "dialects/target/CpuFacts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::hydra {

class KernelEmitter {
public:
  // What the calling convention hands to the function (runtime/base/command.h).
  struct Arguments {
    Value args, scalars, scratch, begin, end;
  };
  // Emits at the builder's insertion point the code of `stage` of `kernel` for `level`. Pointers of
  // all tensors are loaded here. Fails if a result of the body is not yielded or a type is
  // unsupported.
  static FailureOr<KernelEmitter> create(ImplicitLocOpBuilder &builder, plan::KernelOp kernel,
                                         int stage, const CpuFacts &level, Arguments arguments);

  plan::KernelOp kernel() const { return planned; }
  int stage() const { return stageNumber; }
  // What the code may use; results may depend on it only where the op says so.
  const CpuFacts &level() const { return *facts; }
  Value begin() const { return arguments.begin; }
  Value end() const { return arguments.end; }
  Value scratch() const { return arguments.scratch; }
  // The buffer between stages; null if the kernel has one stage.
  Value partial() const { return partialPointer; }
  // The data of an operand or result of the body.
  Value pointer(Value tensor) const { return pointers.lookup(tensor); }
  // The data of the body's argument of that number, an i64 known at run time only.
  Value argumentPointer(Value number);
  // Memory of this call that holds `values`, i32.
  Value table(ArrayRef<int32_t> values);
  // A scalar attribute of `op`, as passed in `scalars`.
  Value scalar(Operation *op, StringRef attribute);       // f32
  Value scalarDouble(Operation *op, StringRef attribute); // f64
  Value scalarInteger(Operation *op, StringRef attribute);

  // Types and constants.
  Type f32() { return b.getF32Type(); }
  Type f64() { return b.getF64Type(); }
  Type i32() { return b.getI32Type(); }
  Type i64() { return b.getI64Type(); }
  VectorType vector(Type element) { return VectorType::get({kLanes}, element); }
  Value index(int64_t value);
  Value integer(int64_t value); // i32
  Value real(double value);     // f32
  Value realDouble(double value);
  Value splat(Value scalar);
  Value splat(double value) { return splat(real(value)); }
  // 0, 1, ..., 15 as i32.
  Value lanes();
  // The first `count` lanes; null (all lanes) if count >= 16.
  Value staticMask(int64_t count);
  // The first `count` lanes, count an i64.
  Value dynamicMask(Value count);

  // Integer arithmetic on i64.
  Value add(Value a, Value c) { return arith::AddIOp::create(b, a, c); }
  Value add(Value a, int64_t c) { return c == 0 ? a : add(a, index(c)); }
  Value sub(Value a, Value c) { return arith::SubIOp::create(b, a, c); }
  Value mul(Value a, Value c) { return arith::MulIOp::create(b, a, c); }
  Value mul(Value a, int64_t c) { return c == 1 ? a : mul(a, index(c)); }
  Value div(Value a, int64_t c) { return c == 1 ? a : arith::DivUIOp::create(b, a, index(c)); }
  Value rem(Value a, int64_t c) {
    return c == 1 ? index(0) : arith::RemUIOp::create(b, a, index(c));
  }
  Value min(Value a, Value c) { return arith::MinSIOp::create(b, a, c); }
  Value max(Value a, Value c) { return arith::MaxSIOp::create(b, a, c); }
  Value less(Value a, Value c) { return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, a, c); }
  // Float arithmetic on scalars or vectors of f32 or f64.
  Value addf(Value a, Value c) { return arith::AddFOp::create(b, a, c); }
  Value subf(Value a, Value c) { return arith::SubFOp::create(b, a, c); }
  Value mulf(Value a, Value c) { return arith::MulFOp::create(b, a, c); }
  Value divf(Value a, Value c) { return arith::DivFOp::create(b, a, c); }
  Value maxf(Value a, Value c) { return arith::MaximumFOp::create(b, a, c); }
  Value minf(Value a, Value c) { return arith::MinimumFOp::create(b, a, c); }
  // The larger of x and `best`, which is not NaN; a NaN in x is passed over. One instruction.
  Value larger(Value x, Value best) {
    return select(arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, best), x, best);
  }
  Value fma(Value a, Value c, Value accumulator);
  Value exp(Value x);
  Value log(Value x);
  Value sqrt(Value x);
  Value select(Value condition, Value a, Value c) {
    return arith::SelectOp::create(b, condition, a, c);
  }
  Value toDouble(Value x);
  Value toSingle(Value x);
  Value toIndex(Value x) { return arith::ExtSIOp::create(b, i64(), x); }
  // One vector from the lanes of two: lane i is `mask[i]` of a ++ c.
  Value shuffle(Value a, Value c, ArrayRef<int64_t> mask);
  Value extract(Value vector, int64_t lane);
  // The lanes of a vector combined by a fixed tree.
  Value treeSum(Value vector);
  Value treeMax(Value vector);
  Value treeLarger(Value vector); // of lanes that are not NaN

  // Memory. Offsets count elements of 4 (f32, i32), 8 (f64) bytes.
  Value address(Value pointer, Value offset, int64_t elementBytes = 4);
  Value loadScalar(Type type, Value pointer, Value offset);
  void storeScalar(Value value, Value pointer, Value offset);
  // 16 lanes from `offset` on; masked lanes read as zero and are not written.
  Value load(Value pointer, Value offset, Value mask = {}, Type element = {});
  void store(Value value, Value pointer, Value offset, Value mask = {});
  Value samePointer(Value a, Value c);

  // Control flow.
  using LoopBody = llvm::function_ref<void(Value)>;
  using FoldBody = llvm::function_ref<SmallVector<Value>(Value, ValueRange)>;
  void loop(Value begin, Value end, int64_t step, LoopBody body);
  SmallVector<Value> fold(Value begin, Value end, int64_t step, ValueRange initial, FoldBody body);
  void ifThen(Value condition, llvm::function_ref<void()> body);

  // Columns 0 .. extent-1 in vectors: body(column, mask), mask null for whole vectors.
  using ColumnBody = llvm::function_ref<void(Value, Value)>;
  using ColumnFold = llvm::function_ref<SmallVector<Value>(Value, Value, ValueRange)>;
  void columns(int64_t extent, ColumnBody body);
  SmallVector<Value> foldColumns(int64_t extent, ValueRange initial, ColumnFold body);
  // The same over begin .. end, both known at run time only.
  void columns(Value begin, Value end, ColumnBody body);
  SmallVector<Value> foldColumns(Value begin, Value end, ValueRange initial, ColumnFold body);
  // pointer[offset + c] = value for `extent` columns; copies `extent` columns.
  void fill(Value pointer, Value offset, int64_t extent, Value vector);
  void copy(Value from, Value fromOffset, Value to, Value toOffset, int64_t extent, Type element);

  // Row-wise kernels: body(row) for the rows of this call's items, of `count` rows in all, less if
  // a `rows` operand says so.
  void rows(int64_t count, Value rowsOperand, LoopBody body);
  // The first row, and the row after the last one, of this call.
  std::pair<Value, Value> rowRange(int64_t count, Value rowsOperand);
  // `count`, or the value of a `rows` operand clamped to 0 .. count.
  Value rowLimit(int64_t count, Value rowsOperand);
  // The value of an optional scalar i32 operand, as i64; of a [B] tensor the one of `sequence`.
  Value scalarOperand(Value operand, int64_t absent, Value sequence = {});

  ImplicitLocOpBuilder &b;

private:
  KernelEmitter(ImplicitLocOpBuilder &builder, plan::KernelOp kernel, int stage,
                const CpuFacts &level, Arguments arguments)
      : b(builder), planned(kernel), stageNumber(stage), facts(&level), arguments(arguments) {}
  Value scalarBits(Operation *op, StringRef attribute);
  Value tree(Value vector, llvm::function_ref<Value(Value, Value)> combine);

  plan::KernelOp planned;
  int stageNumber;
  const CpuFacts *facts;
  Arguments arguments;
  Value partialPointer;
  llvm::DenseMap<Value, Value> pointers;
  llvm::DenseMap<std::pair<Operation *, StringAttr>, Value> scalarValues;
};

// The external model of an op whose kernel is emitted by `Emit`.
template <typename OpT, LogicalResult (*Emit)(OpT, KernelEmitter &)>
struct KernelModel : KernelOpInterface::ExternalModel<KernelModel<OpT, Emit>, OpT> {
  LogicalResult emitKernel(Operation *op, KernelEmitter &emitter) const {
    return Emit(cast<OpT>(op), emitter);
  }
};
template <typename OpT, LogicalResult (*Emit)(OpT, KernelEmitter &)>
void attachKernel(MLIRContext *context) {
  OpT::template attachInterface<KernelModel<OpT, Emit>>(*context);
}

// Ops whose kind has an emitter of its own; all others are row programs.
void attachGlobalNormKernels(MLIRContext *context);
void attachSampleKernels(MLIRContext *context);
void attachMoveKernels(MLIRContext *context);
void attachSelectionKernels(MLIRContext *context);
void attachAttentionForwardKernels(MLIRContext *context);
void attachAttentionBackwardKernels(MLIRContext *context);

// Shapes as rows and columns: all axes but the last flattened; a scalar is 1 x 1.
struct Matrix {
  int64_t rows = 1, columns = 1;
};
inline RankedTensorType tensorType(Value value) { return cast<RankedTensorType>(value.getType()); }
inline Matrix matrixOf(Value value) {
  RankedTensorType type = tensorType(value);
  Matrix matrix;
  if (type.getRank() == 0)
    return matrix;
  for (int64_t extent : type.getShape().drop_back())
    matrix.rows *= extent;
  matrix.columns = type.getShape().back();
  return matrix;
}

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_CODEGEN_KERNELEMITTER_H
