// How an op says what it computes. No loop, pointer or lane can be reached from here: values are
// scalars for one row and column of the domain.
#ifndef HYDRA_DIALECTS_ROWS_ROWBUILDER_H
#define HYDRA_DIALECTS_ROWS_ROWBUILDER_H

#include "dialects/rows/RowsDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SmallPtrSet.h"

#include <optional>

namespace mlir::rows {

struct RowMap {
  RowMapKind kind = RowMapKind::same;
  SmallVector<int64_t> values;
  Value index;

  static RowMap none() { return {RowMapKind::none, {}, {}}; }
  static RowMap shift(int64_t delta, int64_t period) {
    return {RowMapKind::shift, {delta, period}, {}};
  }
  // Row number `index` (i32), clamped to the tensor.
  static RowMap at(Value index) { return {RowMapKind::index, {}, index}; }
};

struct ColumnMap {
  ColumnMapKind kind = ColumnMapKind::same;
  SmallVector<int64_t> values;
  Value column;

  static ColumnMap none() { return {ColumnMapKind::none, {}, {}}; }
  static ColumnMap window(int64_t offset) { return {ColumnMapKind::window, {offset}, {}}; }
  static ColumnMap stride(int64_t factor, int64_t offset) {
    return {ColumnMapKind::stride, {factor, offset}, {}};
  }
  // The place in the segment, from column `offset` on.
  static ColumnMap within(int64_t offset = 0) { return {ColumnMapKind::within, {offset}, {}}; }
  // Column number `column` (i32), clamped to the tensor.
  static ColumnMap at(Value column) { return {ColumnMapKind::at, {}, column}; }
};

// Why ops do not make one program: an op without a body (NO_BODY), domains that do not agree
// (DOMAIN_MISMATCH, SEGMENT_MISMATCH, ROWS_DIFFER), or a value of the region that is read by a map
// that needs memory (ROW_ESCAPE, COLUMN_ESCAPE, MEMORY).
struct RowRefusal {
  StringRef code;          // static
  std::string text;        // begins with the code
  Operation *op = nullptr; // the one that does not fit
  std::string note;        // what `other` is; empty: nothing
  std::optional<Location> other;

  void emit() const;
};

class RowBuilder {
public:
  // An element of an operand of the op. Where the operand is made in the same region, this is its
  // value, and only the maps that stay in the row are possible. `extent` bounds the columns on
  // which the value is defined (0: all); `pitch` is the distance between rows (0: the tensor's last
  // extent, or the domain's columns where the tensor has as many elements as the domain). Null,
  // after a diagnostic, if the access is impossible.
  Value read(Value operand, RowMap row = {}, ColumnMap column = {}, int64_t extent = 0,
             int64_t pitch = 0);
  // The element of an operand that broadcasts to `shape`, whose rows and columns are the domain.
  Value readBroadcast(Value operand, ArrayRef<int64_t> shape);
  // The only element of an operand.
  Value readSingle(Value operand) { return read(operand, RowMap::none(), ColumnMap::none()); }
  // One value per row, of an operand with as many elements as the domain has rows.
  Value readPerRow(Value operand) { return read(operand, {}, ColumnMap::none(), 0, 1); }
  // Result `result` of the op is columns `offset`.. of `source`, which is no value of the region:
  // reads of it are reads of the source. Not for results of the region.
  void view(Value result, Value source, int64_t offset);
  bool isResult(Value value) const { return results.contains(value); }
  // A result of the op. bf16 results round here, for readers of the region as well.
  void write(Value result, Value value, ColumnMap column = {}, int64_t extent = 0,
             int64_t pitch = 0);

  // A scalar attribute of the op: f32 or f64 for floats, i32 for integers.
  Value scalar(StringRef attribute);
  Value scalarDouble(StringRef attribute);
  Value coordinate(Coordinate axis);
  Value neighbor(Value value);
  Value reduce(ReductionKind kind, ValueRange values, Extent extent = Extent::row);
  Value columnReduce(ReductionKind kind, ValueRange values);

  Value real(double value);
  Value realDouble(double value);
  Value integer(int64_t value); // i32
  // Floats and integers alike.
  Value add(Value a, Value c);
  Value sub(Value a, Value c);
  Value mul(Value a, Value c);
  Value max(Value a, Value c); // NaN wins
  Value min(Value a, Value c);
  Value div(Value a, Value c); // floats; of integers the quotient of non-negative ones
  Value rem(Value a, Value c); // non-negative integers
  Value neg(Value a);
  Value fma(Value a, Value c, Value accumulator);
  Value exp(Value a);
  Value log(Value a);
  Value sqrt(Value a);
  Value sigmoid(Value a);
  Value compare(arith::CmpFPredicate predicate, Value a, Value c);
  Value compare(arith::CmpIPredicate predicate, Value a, Value c);
  Value select(Value condition, Value a, Value c);
  Value toDouble(Value a);
  Value toSingle(Value a);

  const RowDomain &domain() const { return opDomain; }
  // For what has no name here.
  ImplicitLocOpBuilder &builder() { return b; }

private:
  friend class ProgramBuilder; // RowProgram.cpp
  RowBuilder(ImplicitLocOpBuilder builder, ProgramOp program) : b(builder), program(program) {}
  struct View {
    Value source;
    int64_t offset;
  };
  Value readView(Value operand, View view, RowMap row, ColumnMap column, int64_t extent,
                 int64_t pitch);
  Value readMade(Value operand, Value value, const RowMap &row, const ColumnMap &column);
  // The op's columns or rows are one where the region has many: its values are scalars there, or
  // the same in every row.
  bool isOneColumn() { return opDomain.columns() == 1 && program.getColumns() != 1; }
  bool isOneRow() { return opDomain.rows == 1 && program.getRows() != 1; }
  RowMap adapted(RowMap row);
  ColumnMap adapted(ColumnMap column);
  // Remembers the first reason; values made from here on mean nothing.
  void refuse(StringRef code, const Twine &text);
  Value scalarOf(StringRef attribute, Type type);
  int64_t pitchOf(Value tensor, bool whole) const;

  ImplicitLocOpBuilder b;
  ProgramOp program;
  // Of the op whose body is being built.
  Operation *op = nullptr;
  int64_t source = 0;
  RowDomain opDomain;
  std::optional<RowRefusal> refusal;
  llvm::DenseMap<Value, Value> arguments; // tensors from outside the region: block arguments
  llvm::DenseMap<Value, Value>
      made;                    // tensors of the region: their element; null if it needs memory
  llvm::DenseSet<Value> lists; // tensors of the region whose elements are one value per row each
  llvm::DenseMap<Value, SmallVector<int64_t>>
      results; // tensors that are results, with their numbers
  llvm::DenseMap<Value, View> views;
  // Writes of ops of one row in a program of many, and of ops that reduce over rows themselves.
  llvm::SmallPtrSet<Operation *, 4> oneRowWrites, reducedWrites;
  bool reducesRows = false; // the op whose body is being built
};

// Whether an op of a region only cuts columns for its readers: it has no domain and no work.
bool isViewOfColumns(Operation *op, llvm::function_ref<bool(Value)> isResult);

// Rows and columns of a tensor: all axes but the last, and the last; a scalar is 1 x 1.
RowDomain domainOf(Value tensor, Value rowsOperand = {});

} // namespace mlir::rows

#endif // HYDRA_DIALECTS_ROWS_ROWBUILDER_H
