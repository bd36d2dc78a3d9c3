#include "dialects/rows/RowBuilder.h"

#include "dialects/hydra/HydraDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::rows;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

bool rows::isViewOfColumns(Operation *op, llvm::function_ref<bool(Value)> isResult) {
  return isa<hydra::SplitOp>(op) && llvm::none_of(op->getResults(), isResult);
}

RowDomain rows::domainOf(Value tensor, Value rowsOperand) {
  RankedTensorType type = typeOf(tensor);
  RowDomain domain;
  domain.rowsOperand = rowsOperand;
  if (type.getRank() == 0)
    return domain;
  for (int64_t extent : type.getShape().drop_back())
    domain.rows *= extent;
  domain.width = type.getShape().back();
  return domain;
}

void RowRefusal::emit() const {
  InFlightDiagnostic diagnostic = op->emitOpError(text);
  if (other)
    diagnostic.attachNote(*other) << note;
}

void RowBuilder::refuse(StringRef code, const Twine &text) {
  if (!refusal)
    refusal = RowRefusal{code, (text + code).str(), op, "", std::nullopt};
}

ColumnMap RowBuilder::adapted(ColumnMap column) {
  // The only segment of an op begins at column 0, whatever segments the region has.
  if (column.kind == ColumnMapKind::within && opDomain.segments == 1)
    column.kind = ColumnMapKind::window;
  if (!isOneColumn())
    return column;
  switch (column.kind) {
  case ColumnMapKind::same:
    return ColumnMap::none();
  case ColumnMapKind::window:
  case ColumnMapKind::stride:
    return ColumnMap::at(integer(column.values.back()));
  default:
    return column;
  }
}

RowMap RowBuilder::adapted(RowMap row) {
  if (!isOneRow())
    return row;
  if (row.kind == RowMapKind::same)
    row.kind = RowMapKind::none;
  else if (row.kind == RowMapKind::shift || row.kind == RowMapKind::axes)
    refuse("DOMAIN_MISMATCH", "reads other rows than its only one; ");
  return row;
}

int64_t RowBuilder::pitchOf(Value tensor, bool whole) const {
  bool reshaped = typeOf(tensor).getNumElements() == opDomain.rows * opDomain.columns();
  return whole && reshaped ? opDomain.columns() : domainOf(tensor).width;
}

Value RowBuilder::readMade(Value operand, Value value, const RowMap &row, const ColumnMap &column) {
  bool oneRow = domainOf(operand).rows == 1, oneColumn = domainOf(operand).columns() == 1;
  // A list is read as it was written, one value per row.
  if (lists.contains(operand)) {
    oneRow = false;
    oneColumn = column.kind == ColumnMapKind::none;
  }
  const char *code = nullptr, *what = nullptr;
  if (!value) {
    code = "MEMORY";
    what = ": it is written by windows";
  } else if (row.kind != RowMapKind::same && !(oneRow && row.kind == RowMapKind::none)) {
    code = "ROW_ESCAPE";
    what = ": another row is read";
  } else if (!(column.kind == ColumnMapKind::same && !lists.contains(operand)) &&
             !(column.kind == ColumnMapKind::none && oneColumn)) {
    code = "COLUMN_ESCAPE";
    what = ": another column is read";
  }
  if (!code)
    return value;
  if (!refusal)
    refusal =
        RowRefusal{code, (Twine("cannot read a value of its own region; ") + code + what).str(), op,
                   "made here", operand.getLoc()};
  return {};
}

void RowBuilder::view(Value result, Value source, int64_t offset) {
  if (auto found = views.find(source); found != views.end())
    views[result] = {found->second.source, found->second.offset + offset};
  else
    views[result] = {source, offset};
}

Value RowBuilder::readView(Value operand, View view, RowMap row, ColumnMap column, int64_t extent,
                           int64_t pitch) {
  int64_t width = domainOf(operand).width;
  bool composes = arguments.contains(view.source) && (pitch == 0 || pitch == width);
  switch (column.kind) {
  case ColumnMapKind::same:
    // A tensor read in another shape has no columns of its own.
    composes &= pitch != 0 || isOneColumn() || pitchOf(operand, true) == width;
    column = ColumnMap::window(view.offset);
    break;
  case ColumnMapKind::window:
  case ColumnMapKind::within:
    column.values[0] += view.offset;
    break;
  case ColumnMapKind::none:
    column = ColumnMap::at(integer(view.offset));
    break;
  default:
    composes = false;
  }
  if (composes)
    return read(view.source, row, column, extent, domainOf(view.source).width);
  refuse("COLUMN_ESCAPE", "reads a part of a tensor by a map that does not compose; ");
  return real(0.0);
}

Value RowBuilder::read(Value operand, RowMap row, ColumnMap column, int64_t extent, int64_t pitch) {
  row = adapted(row);
  column = adapted(column);
  if (refusal)
    return real(0.0);
  if (auto found = views.find(operand); found != views.end())
    return readView(operand, found->second, row, column, extent, pitch);
  if (auto found = made.find(operand); found != made.end()) {
    Value value = readMade(operand, found->second, row, column);
    return value ? value : real(0.0);
  }
  RankedTensorType type = typeOf(operand);
  int64_t columns = opDomain.columns();
  bool whole = row.kind == RowMapKind::same && column.kind == ColumnMapKind::same;
  if (pitch == 0)
    pitch = pitchOf(operand, whole);
  if (extent == 0)
    extent = columns == 1 ? static_cast<int64_t>(program.getColumns()) : columns;
  Type element = type.getElementType().isInteger(32) ? Type(b.getI32Type()) : b.getF32Type();
  MLIRContext *context = b.getContext();
  return ReadOp::create(b, element, arguments.lookup(operand), row.index, column.column,
                        RowMapAttr::get(context, row.kind, row.values),
                        ColumnMapAttr::get(context, column.kind, column.values), pitch, extent);
}

Value RowBuilder::readBroadcast(Value operand, ArrayRef<int64_t> shape) {
  RankedTensorType type = typeOf(operand);
  SmallVector<int64_t> from(shape.size() - type.getRank(), 1);
  from.append(type.getShape().begin(), type.getShape().end());
  ColumnMap column =
      from.empty() || (from.back() == 1 && shape.back() != 1) ? ColumnMap::none() : ColumnMap();
  if (ArrayRef<int64_t>(from) == shape)
    return read(operand);
  if (type.getNumElements() == 1)
    return readSingle(operand);
  ArrayRef<int64_t> leading = ArrayRef<int64_t>(from).drop_back(), to = shape.drop_back();
  if (leading == to)
    return read(operand, {}, column);
  RowMap row{RowMapKind::axes, {}, {}};
  int64_t stride = 1, divisor = 1;
  for (int64_t axis = static_cast<int64_t>(to.size()) - 1; axis >= 0; --axis) {
    if (leading[axis] != 1)
      row.values.append({divisor, to[axis], stride});
    stride *= leading[axis];
    divisor *= to[axis];
  }
  return read(operand, row.values.empty() ? RowMap::none() : row, column);
}

void RowBuilder::write(Value result, Value value, ColumnMap column, int64_t extent, int64_t pitch) {
  if (refusal)
    return;
  RankedTensorType type = typeOf(result);
  Type element = type.getElementType();
  if (element.isBF16()) {
    value = arith::TruncFOp::create(b, element, value);
    value = arith::ExtFOp::create(b, b.getF32Type(), value);
  }
  if (isOneColumn() && column.kind != ColumnMapKind::same && column.kind != ColumnMapKind::none)
    return refuse("DOMAIN_MISMATCH", "writes columns one by one where its region has many; ");
  column = adapted(column);
  int64_t columns = opDomain.columns();
  bool whole = column.kind == ColumnMapKind::same || column.kind == ColumnMapKind::none;
  made[result] = whole && extent == 0 ? value : Value();
  if (column.kind == ColumnMapKind::none && pitch == 1)
    lists.insert(result);
  if (pitch == 0)
    pitch = pitchOf(result, column.kind == ColumnMapKind::same);
  if (extent == 0)
    extent = column.kind == ColumnMapKind::none ? 1 : columns;
  for (int64_t number : results.lookup(result)) {
    auto map = ColumnMapAttr::get(b.getContext(), column.kind, column.values);
    Operation *write = WriteOp::create(b, value, number, map, pitch, extent);
    if (isOneRow())
      oneRowWrites.insert(write);
    if (reducesRows)
      reducedWrites.insert(write);
  }
}

Value RowBuilder::scalarOf(StringRef attribute, Type type) {
  return ScalarOp::create(b, type, source, attribute, cast<TypedAttr>(op->getAttr(attribute)));
}
Value RowBuilder::scalar(StringRef attribute) {
  bool isFloat = isa<FloatAttr>(op->getAttr(attribute));
  return scalarOf(attribute, isFloat ? Type(b.getF32Type()) : b.getI32Type());
}
Value RowBuilder::scalarDouble(StringRef attribute) { return scalarOf(attribute, b.getF64Type()); }
Value RowBuilder::coordinate(Coordinate axis) {
  bool isOnly = axis == Coordinate::row      ? isOneRow()
                : axis == Coordinate::column ? isOneColumn()
                                             : opDomain.segments == 1;
  if (isOnly)
    return integer(0);
  return CoordinateOp::create(b, b.getI32Type(), axis);
}
Value RowBuilder::neighbor(Value value) { return NeighborOp::create(b, value); }
Value RowBuilder::reduce(ReductionKind kind, ValueRange values, Extent extent) {
  if (opDomain.segments == 1)
    extent = Extent::row;
  // A sum over one column, or in one row, would be taken over all of the region's.
  if (isOneColumn() || isOneRow())
    refuse("DOMAIN_MISMATCH", "reduces fewer columns or rows than its region has; ");
  return ReduceOp::create(b, b.getF32Type(), kind, extent, values);
}
Value RowBuilder::columnReduce(ReductionKind kind, ValueRange values) {
  if (isOneRow())
    refuse("DOMAIN_MISMATCH", "reduces one row where its region has many; ");
  reducesRows = true;
  return ColumnReduceOp::create(b, b.getF32Type(), kind, values);
}

Value RowBuilder::real(double value) {
  return arith::ConstantOp::create(b, b.getF32FloatAttr(static_cast<float>(value)));
}
Value RowBuilder::realDouble(double value) {
  return arith::ConstantOp::create(b, b.getF64FloatAttr(value));
}
Value RowBuilder::integer(int64_t value) {
  return arith::ConstantOp::create(b, b.getI32IntegerAttr(static_cast<int32_t>(value)));
}

static bool isFloat(Value value) { return isa<FloatType>(value.getType()); }
template <typename Float, typename Integer>
static Value either(ImplicitLocOpBuilder &b, Value a, Value c) {
  return isFloat(a) ? Float::create(b, a, c).getResult() : Integer::create(b, a, c).getResult();
}
Value RowBuilder::add(Value a, Value c) { return either<arith::AddFOp, arith::AddIOp>(b, a, c); }
Value RowBuilder::sub(Value a, Value c) { return either<arith::SubFOp, arith::SubIOp>(b, a, c); }
Value RowBuilder::mul(Value a, Value c) { return either<arith::MulFOp, arith::MulIOp>(b, a, c); }
Value RowBuilder::max(Value a, Value c) {
  return either<arith::MaximumFOp, arith::MaxSIOp>(b, a, c);
}
Value RowBuilder::min(Value a, Value c) {
  return either<arith::MinimumFOp, arith::MinSIOp>(b, a, c);
}
Value RowBuilder::div(Value a, Value c) { return either<arith::DivFOp, arith::DivUIOp>(b, a, c); }
Value RowBuilder::rem(Value a, Value c) { return arith::RemUIOp::create(b, a, c); }
Value RowBuilder::neg(Value a) { return arith::NegFOp::create(b, a); }
Value RowBuilder::fma(Value a, Value c, Value accumulator) {
  return math::FmaOp::create(b, a, c, accumulator);
}
Value RowBuilder::exp(Value a) { return math::ExpOp::create(b, a); }
Value RowBuilder::log(Value a) { return math::LogOp::create(b, a); }
Value RowBuilder::sqrt(Value a) { return math::SqrtOp::create(b, a); }
Value RowBuilder::sigmoid(Value a) {
  Value one = real(1.0);
  return div(one, add(one, exp(neg(a))));
}
Value RowBuilder::compare(arith::CmpFPredicate predicate, Value a, Value c) {
  return arith::CmpFOp::create(b, predicate, a, c);
}
Value RowBuilder::compare(arith::CmpIPredicate predicate, Value a, Value c) {
  return arith::CmpIOp::create(b, predicate, a, c);
}
Value RowBuilder::select(Value condition, Value a, Value c) {
  return arith::SelectOp::create(b, condition, a, c);
}
Value RowBuilder::toDouble(Value a) { return arith::ExtFOp::create(b, b.getF64Type(), a); }
Value RowBuilder::toSingle(Value a) { return arith::TruncFOp::create(b, b.getF32Type(), a); }
