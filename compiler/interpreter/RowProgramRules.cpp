// Interpretation of row programs: scalar ops over all columns of a row at once, in float64. The
// emitters of all targets and the rules of the ops that a program came from are compared with this.
#include "compiler/interpreter/Interpretation.h"
#include "dialects/rows/RowAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::hydra;
using namespace mlir::rows;

namespace {

// One value per column, or one alone.
using Columns = std::vector<double>;

double wrap32(double x) {
  return static_cast<int32_t>(static_cast<uint32_t>(static_cast<int64_t>(x)));
}

double compareFloats(arith::CmpFPredicate predicate, double a, double c) {
  using P = arith::CmpFPredicate;
  bool unordered = std::isnan(a) || std::isnan(c);
  switch (predicate) {
  case P::OEQ:
    return a == c;
  case P::OGT:
    return a > c;
  case P::OGE:
    return a >= c;
  case P::UNE:
    return unordered || a != c;
  case P::UNO:
    return unordered;
  default:
    llvm_unreachable("a comparison that no row body uses");
  }
}
double compareIntegers(arith::CmpIPredicate predicate, double a, double c) {
  using P = arith::CmpIPredicate;
  switch (predicate) {
  case P::eq:
    return a == c;
  case P::ne:
    return a != c;
  case P::slt:
    return a < c;
  case P::sge:
    return a >= c;
  case P::sgt:
    return a > c;
  default:
    llvm_unreachable("a comparison that no row body uses");
  }
}
double maximum(double a, double c) { return std::isnan(a) || std::isnan(c) ? NAN : std::max(a, c); }
double minimum(double a, double c) { return std::isnan(a) || std::isnan(c) ? NAN : std::min(a, c); }
uint32_t bits32(double x) { return static_cast<uint32_t>(static_cast<int64_t>(x)); }

// One arith or math op on scalars; nullopt if row programs are not known to use it.
std::optional<double> evaluate(Operation *op, ArrayRef<double> x) {
  using Result = std::optional<double>;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case([&](arith::ConstantOp constant) -> Result {
        if (auto real = dyn_cast<FloatAttr>(constant.getValue()))
          return real.getValueAsDouble();
        return static_cast<double>(cast<IntegerAttr>(constant.getValue()).getInt());
      })
      .Case([&](arith::AddFOp) -> Result { return x[0] + x[1]; })
      .Case([&](arith::SubFOp) -> Result { return x[0] - x[1]; })
      .Case([&](arith::MulFOp) -> Result { return x[0] * x[1]; })
      .Case([&](arith::DivFOp) -> Result { return x[0] / x[1]; })
      .Case([&](arith::NegFOp) -> Result { return -x[0]; })
      .Case([&](math::FmaOp) -> Result { return x[0] * x[1] + x[2]; })
      .Case([&](arith::MaximumFOp) -> Result { return maximum(x[0], x[1]); })
      .Case([&](arith::MinimumFOp) -> Result { return minimum(x[0], x[1]); })
      .Case([&](math::ExpOp) -> Result { return std::exp(x[0]); })
      .Case([&](math::LogOp) -> Result { return std::log(x[0]); })
      .Case([&](math::SqrtOp) -> Result { return std::sqrt(x[0]); })
      .Case([&](math::TanhOp) -> Result { return std::tanh(x[0]); })
      .Case([&](math::RoundEvenOp) -> Result { return std::nearbyint(x[0]); })
      .Case([&](arith::CmpFOp compare) -> Result {
        return compareFloats(compare.getPredicate(), x[0], x[1]);
      })
      .Case([&](arith::CmpIOp compare) -> Result {
        return compareIntegers(compare.getPredicate(), x[0], x[1]);
      })
      .Case([&](arith::SelectOp) -> Result { return x[0] != 0 ? x[1] : x[2]; })
      .Case([&](arith::AddIOp) -> Result { return wrap32(x[0] + x[1]); })
      .Case([&](arith::SubIOp) -> Result { return wrap32(x[0] - x[1]); })
      .Case([&](arith::MulIOp) -> Result {
        return wrap32(static_cast<double>(bits32(x[0]) * bits32(x[1])));
      })
      .Case([&](arith::MaxSIOp) -> Result { return std::max(x[0], x[1]); })
      .Case([&](arith::MinSIOp) -> Result { return std::min(x[0], x[1]); })
      .Case([&](arith::DivUIOp) -> Result { return bits32(x[0]) / bits32(x[1]); })
      .Case([&](arith::RemUIOp) -> Result { return bits32(x[0]) % bits32(x[1]); })
      .Case([&](arith::ShRUIOp) -> Result { return bits32(x[0]) >> bits32(x[1]); })
      .Case([&](arith::AndIOp) -> Result { return bits32(x[0]) & bits32(x[1]); })
      .Case([&](arith::TruncIOp truncate) -> Result {
        if (truncate.getType().isInteger(1))
          return static_cast<double>(static_cast<int64_t>(x[0]) & 1);
        return wrap32(x[0]);
      })
      .Case([&](arith::SIToFPOp) -> Result { return x[0]; })
      // The i64 of a division by zero is never chosen.
      .Case([&](arith::FPToSIOp) -> Result { return std::isfinite(x[0]) ? std::trunc(x[0]) : 0; })
      .Case([&](arith::ExtFOp) -> Result { return x[0]; })
      .Case([&](arith::TruncFOp truncate) -> Result {
        if (!truncate.getType().isBF16())
          return x[0];
        TensorValue rounded(ElementKind::bf16, {}, x[0]);
        rounded.round();
        return rounded[0];
      })
      .Default([](Operation *) { return std::nullopt; });
}

// What a reduction is, whatever its states are.
class Accumulator {
public:
  explicit Accumulator(ReductionKind kind) : kind(kind) {
    constexpr double kLowest = -std::numeric_limits<double>::infinity();
    bool isSum = kind != ReductionKind::max && kind != ReductionKind::largest;
    state = isSum ? 0.0 : kLowest;
  }
  void step(double x, double y) {
    switch (kind) {
    case ReductionKind::sum:
    case ReductionKind::wide_sum:
      state += x;
      return;
    case ReductionKind::dot:
    case ReductionKind::wide_dot:
      state += x * y;
      return;
    case ReductionKind::max:
      state = maximum(state, x);
      return;
    case ReductionKind::largest:
      state = x > state ? x : state;
      return;
    case ReductionKind::log_sum_exp:
      state += std::exp(x);
      return;
    }
  }
  double finish() const { return kind == ReductionKind::log_sum_exp ? std::log(state) : state; }

private:
  ReductionKind kind;
  double state;
};

class Evaluation {
public:
  Evaluation(ProgramOp program, InterpreterFrame &frame)
      : program(program), frame(frame), analysis(program), columns(program.getColumns()),
        width(static_cast<int64_t>(program.getWidth())) {
    for (Value result : program.getResults())
      results.push_back(frame.zerosLike(result));
  }

  LogicalResult run() {
    auto total = static_cast<int64_t>(program.getRows());
    Value argument = program.getRowsArgument();
    Value operand =
        argument ? program.getInputs()[cast<BlockArgument>(argument).getArgNumber()] : Value();
    int64_t rows = frame.rowCount(operand, total);
    for (auto reduce : program.getBody().getOps<ColumnReduceOp>())
      totals.try_emplace(
          reduce, std::vector<Accumulator>(analysis.isElement(reduce.getResult()) ? columns : 1,
                                           Accumulator(reduce.getKind())));
    for (row = 0; row < rows; ++row)
      if (failed(runOps(/*afterRows=*/false)))
        return failure();
    if (failed(runOps(/*afterRows=*/true)))
      return failure();
    for (auto [number, result] : llvm::enumerate(program.getResults())) {
      if (results[number].rows() == total && !isTotal(number))
        results[number].poisonRows(rows);
      frame.set(result, std::move(results[number]));
    }
    return success();
  }

private:
  bool isTotal(size_t number) {
    for (auto write : program.getBody().getOps<WriteOp>())
      if (write.getResult() == number && analysis.isTotal(write.getValue()))
        return true;
    return false;
  }

  const TensorValue &tensor(Value argument) {
    return frame.get(program.getInputs()[cast<BlockArgument>(argument).getArgNumber()]);
  }
  double at(Value value, int64_t column) const {
    const Columns &list = values.find(value)->second;
    return list.size() == 1 ? list[0] : list[column];
  }

  LogicalResult runOps(bool afterRows) {
    for (Operation &op : program.getBody().front()) {
      bool total = llvm::any_of(op.getOperands(), [&](Value v) { return analysis.isTotal(v); });
      if (auto write = dyn_cast<WriteOp>(op)) {
        if (total == afterRows)
          store(write);
      } else if (auto reduce = dyn_cast<ColumnReduceOp>(op)) {
        accumulate(reduce, afterRows);
      } else if (total == afterRows ||
                 (afterRows && !(analysis.dependence(op.getResult(0)) & kRow))) {
        if (failed(runOp(&op)))
          return failure();
      }
    }
    return success();
  }

  void accumulate(ColumnReduceOp reduce, bool afterRows) {
    std::vector<Accumulator> &states = totals.find(reduce)->second;
    if (!afterRows) {
      for (size_t column = 0; column < states.size(); ++column)
        states[column].step(at(reduce.getValues().front(), column),
                            at(reduce.getValues().back(), column));
      return;
    }
    Columns &list = values[reduce.getResult()];
    list.clear();
    for (const Accumulator &state : states)
      list.push_back(state.finish());
  }

  LogicalResult runOp(Operation *op) {
    Value result = op->getResult(0);
    int64_t count = isElementOrSegment(result) ? columns : 1;
    Columns list(count);
    if (auto reduce = dyn_cast<rows::ReduceOp>(op)) {
      int64_t run = reduce.getExtent() == Extent::row ? columns : width;
      for (int64_t first = 0; first < columns; first += run) {
        Accumulator state(reduce.getKind());
        for (int64_t column = first; column < first + run; ++column)
          state.step(at(reduce.getValues().front(), column), at(reduce.getValues().back(), column));
        for (int64_t column = first; column < first + run && column < count; ++column)
          list[column] = state.finish();
      }
      values[result] = std::move(list);
      return success();
    }
    for (int64_t column = 0; column < count; ++column) {
      std::optional<double> value = runColumn(op, column);
      if (!value)
        return op->emitOpError("has no interpretation in a row program: add it to "
                               "compiler/interpreter/RowProgramRules.cpp");
      list[column] = *value;
    }
    values[result] = std::move(list);
    return success();
  }

  bool isElementOrSegment(Value value) const {
    return analysis.dependence(value) & (kColumn | kSegment);
  }

  std::optional<double> runColumn(Operation *op, int64_t column) {
    if (auto read = dyn_cast<ReadOp>(op))
      return load(read, column);
    if (auto scalar = dyn_cast<ScalarOp>(op)) {
      if (auto real = dyn_cast<FloatAttr>(scalar.getValue()))
        return real.getValueAsDouble();
      return static_cast<double>(cast<IntegerAttr>(scalar.getValue()).getInt());
    }
    if (auto coordinate = dyn_cast<CoordinateOp>(op))
      return static_cast<double>(coordinate.getAxis() == Coordinate::row      ? row
                                 : coordinate.getAxis() == Coordinate::column ? column
                                                                              : column / width);
    if (auto neighbor = dyn_cast<NeighborOp>(op))
      return at(neighbor.getValue(), column ^ 1);
    SmallVector<double> operands;
    for (Value operand : op->getOperands())
      operands.push_back(at(operand, column));
    return evaluate(op, operands);
  }

  static int64_t clamp(double value, int64_t count) {
    return clampedIndex(value, count).value_or(0);
  }

  double load(ReadOp read, int64_t column) {
    const TensorValue &from = tensor(read.getTensor());
    auto pitch = static_cast<int64_t>(read.getPitch());
    if (column >= static_cast<int64_t>(read.getExtent()))
      return NAN; // never written
    ArrayRef<int64_t> map = read.getRowMap().getValues();
    int64_t source = row;
    switch (read.getRowMap().getKind()) {
    case RowMapKind::same:
      break;
    case RowMapKind::none:
      source = 0;
      break;
    case RowMapKind::axes:
      source = 0;
      for (size_t i = 0; i < map.size(); i += 3)
        source += row / map[i] % map[i + 1] * map[i + 2];
      break;
    case RowMapKind::shift:
      if (int64_t place = row % map[1] + map[0]; place < 0 || place >= map[1])
        return 0.0;
      source = row + map[0];
      break;
    case RowMapKind::index:
      source = clamp(at(read.getIndex(), column), from.size() / pitch);
      break;
    }
    ArrayRef<int64_t> values = read.getColumnMap().getValues();
    int64_t place = column;
    switch (read.getColumnMap().getKind()) {
    case ColumnMapKind::same:
      break;
    case ColumnMapKind::none:
      place = 0;
      break;
    case ColumnMapKind::window:
      place = column + values[0];
      break;
    case ColumnMapKind::stride:
      place = column * values[0] + values[1];
      break;
    case ColumnMapKind::within:
      place = column % width + values[0];
      break;
    case ColumnMapKind::segment:
      place = column / width;
      break;
    case ColumnMapKind::at:
      place = clamp(at(read.getColumn(), column), from.columns());
      break;
    }
    return from[source * pitch + place];
  }

  void store(WriteOp write) {
    TensorValue &to = results[write.getResult()];
    int64_t start =
        analysis.isTotal(write.getValue()) ? 0 : row * static_cast<int64_t>(write.getPitch());
    ColumnMapAttr map = write.getColumnMap();
    int64_t count = map.getKind() == ColumnMapKind::none
                        ? 1
                        : std::min(columns, static_cast<int64_t>(write.getExtent()));
    for (int64_t column = 0; column < count; ++column) {
      int64_t place = map.getKind() == ColumnMapKind::window ? column + map.getValues()[0]
                      : map.getKind() == ColumnMapKind::stride
                          ? column * map.getValues()[0] + map.getValues()[1]
                          : column;
      to[start + place] = at(write.getValue(), column);
    }
  }

  ProgramOp program;
  InterpreterFrame &frame;
  RowAnalysis analysis;
  int64_t columns, width, row = 0;
  std::vector<TensorValue> results;
  DenseMap<Value, Columns> values;
  DenseMap<Operation *, std::vector<Accumulator>> totals;
};

LogicalResult interpretProgram(ProgramOp op, InterpreterFrame &frame) {
  return Evaluation(op, frame).run();
}

} // namespace

void mlir::hydra::attachRowProgramInterpretation(MLIRContext *context) {
  attachInterpretation<ProgramOp, interpretProgram>(context);
}
