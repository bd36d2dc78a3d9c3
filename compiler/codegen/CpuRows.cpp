// Kind `rows` on a CPU: row programs on vectors of 16. One item is the schedule's rows, flat
// elements, or a chunk.
//
// Sums run over four accumulators of 16 lanes in ascending columns, then through one fixed tree, so
// that results depend neither on threads nor on the instruction-set level. A tail is a masked
// vector that leaves states as they were.
#include "compiler/codegen/KernelEmitter.h"
#include "compiler/codegen/KernelEmitters.h"
#include "compiler/codegen/LaneShuffles.h"
#include "compiler/codegen/RowEmission.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

class CpuRowMachine : public RowMachine {
public:
  explicit CpuRowMachine(KernelEmitter &emitter) : RowMachine(emitter.b), e(emitter) {}

  VectorType shape() override { return e.vector(e.f32()); }
  Value spread(Value scalar) override { return e.splat(scalar); }
  Value columnsOf(const Lanes &lanes) override {
    Value first = arith::TruncIOp::create(b, e.i32(), lanes.column);
    return e.add(e.splat(first), e.lanes());
  }
  Value neighbor(Value element) override {
    SmallVector<int64_t> swap;
    for (int64_t lane = 0; lane < kLanes; ++lane)
      swap.push_back(lane ^ 1);
    return e.shuffle(element, element, swap);
  }
  // Transcendental functions exist for vectors only, so that one approximation serves all.
  Value cloneScalar(Operation *op, ValueRange operands) override {
    bool asVector = isa<math::ExpOp, math::LogOp, math::TanhOp>(op);
    Operation *copy = op->cloneWithoutRegions();
    if (asVector) {
      copy->setOperands(e.splat(operands[0]));
      copy->getResult(0).setType(elementType(op->getResult(0).getType()));
    } else {
      copy->setOperands(operands);
    }
    b.insert(copy);
    return asVector ? e.extract(copy->getResult(0), 0) : copy->getResult(0);
  }

  Value load(Type type, Value pointer, Value offset, const Lanes &lanes) override {
    return e.load(pointer, e.add(offset, lanes.column), lanes.mask, type);
  }
  void store(Value element, Value pointer, Value offset, const Lanes &lanes) override {
    e.store(element, pointer, e.add(offset, lanes.column), lanes.mask);
  }
  Value loadStrided(Type type, Value pointer, Value offset, int64_t factor, int64_t phase,
                    const Lanes &lanes) override {
    SmallVector<Value> vectors;
    Value start = e.add(offset, e.mul(lanes.column, factor));
    for (int64_t part = 0; part < factor; ++part)
      vectors.push_back(
          e.load(pointer, e.add(start, part * kLanes), partMask(lanes, factor, part), type));
    return deinterleaveLanes(e, vectors, phase);
  }
  void storeStrided(ArrayRef<Value> phases, Value pointer, Value offset,
                    const Lanes &lanes) override {
    auto factor = static_cast<int64_t>(phases.size());
    Value start = e.add(offset, e.mul(lanes.column, factor));
    for (int64_t part = 0; part < factor; ++part)
      e.store(interleaveLanes(e, phases, part), pointer, e.add(start, part * kLanes),
              partMask(lanes, factor, part));
  }
  Value loadScalar(Type type, Value pointer, Value offset) override {
    return e.loadScalar(type, pointer, offset);
  }
  void storeScalar(Value value, Value pointer, Value offset) override {
    e.storeScalar(value, pointer, offset);
  }
  void single(llvm::function_ref<void()> body) override { body(); }

  States fold(Value begin, Value end, ValueRange identity, Step step, Combine) override {
    return e.foldColumns(begin, end, identity, [&](Value column, Value mask, ValueRange carried) {
      return step({column, mask}, carried);
    });
  }
  States fold(int64_t begin, int64_t end, ValueRange identity, Step step,
              Combine combine) override {
    int64_t whole = begin + (end - begin) / kLanes * kLanes;
    if (identity.empty()) {
      if (whole > begin)
        e.fold(e.index(begin), e.index(whole), kLanes, {},
               [&](Value column, ValueRange) { return step({column, Value()}, {}); });
      if (whole < end)
        step({e.index(whole), e.staticMask(end - whole)}, {});
      return {};
    }
    // Vector i goes to accumulator i mod 4.
    constexpr int64_t kAccumulators = 4, kStep = kAccumulators * kLanes;
    size_t width = identity.size();
    int64_t rounds = begin + (end - begin) / kStep * kStep;
    SmallVector<Value> states;
    for (int64_t i = 0; i < kAccumulators; ++i)
      llvm::append_range(states, identity);
    auto into = [&](int64_t accumulator, const Lanes &lanes, MutableArrayRef<Value> all) {
      auto mine = all.slice(accumulator * width, width);
      llvm::copy(step(lanes, ValueRange(SmallVector<Value>(mine))), mine.begin());
    };
    if (rounds > begin)
      states = e.fold(e.index(begin), e.index(rounds), kStep, states,
                      [&](Value column, ValueRange carried) {
                        SmallVector<Value> next(carried);
                        for (int64_t i = 0; i < kAccumulators; ++i)
                          into(i, {e.add(column, i * kLanes), Value()}, next);
                        return next;
                      });
    int64_t used = rounds > begin ? kAccumulators : 0, accumulator = 0;
    for (int64_t column = rounds; column < end; column += kLanes, ++accumulator)
      into(accumulator, {e.index(column), e.staticMask(end - column)}, states);
    used = std::max(used, accumulator);
    // Pairs, then pairs of pairs.
    for (int64_t distance = 1; distance < used; distance *= 2)
      for (int64_t i = 0; i + distance < used; i += 2 * distance) {
        auto left = ArrayRef<Value>(states).slice(i * width, width);
        auto right = ArrayRef<Value>(states).slice((i + distance) * width, width);
        llvm::copy(combine(SmallVector<Value>(left), SmallVector<Value>(right)),
                   states.begin() + static_cast<int64_t>(i * width));
      }
    return States(states.begin(), states.begin() + static_cast<int64_t>(width));
  }
  SmallVector<Lanes> blocks(int64_t begin, int64_t end) override {
    SmallVector<Lanes> result;
    for (int64_t column = begin; column < end; column += kLanes)
      result.push_back({e.index(column), e.staticMask(end - column), column / kLanes});
    return result;
  }
  // Four vectors, a cache line of each row apart.
  void tiles(int64_t end, llvm::function_ref<void(ArrayRef<Lanes>)> body) override {
    constexpr int64_t kTile = 4 * kLanes;
    int64_t whole = end / kTile * kTile;
    if (whole > 0)
      e.loop(e.index(0), e.index(whole), kTile, [&](Value column) {
        SmallVector<Lanes> tile;
        for (int64_t lane = 0; lane < kTile; lane += kLanes)
          tile.push_back({e.add(column, lane), Value()});
        body(tile);
      });
    if (whole < end)
      body(blocks(whole, end));
  }
  States across(ValueRange states, Combine combine) override {
    SmallVector<Value> vectors(states);
    for (int64_t width = kLanes / 2; width >= 1; width /= 2) {
      SmallVector<int64_t> low, high;
      for (int64_t lane = 0; lane < width; ++lane) {
        low.push_back(lane);
        high.push_back(lane + width);
      }
      SmallVector<Value> left, right;
      for (Value vector : vectors) {
        left.push_back(e.shuffle(vector, vector, low));
        right.push_back(e.shuffle(vector, vector, high));
      }
      vectors = combine(left, right);
    }
    for (Value &vector : vectors)
      vector = e.extract(vector, 0);
    return vectors;
  }
  void segments(int64_t count, llvm::function_ref<void(Value)> body) override {
    e.loop(e.index(0), e.index(count), 1, body);
  }
  States loop(Value begin, Value end, ValueRange initial,
              llvm::function_ref<States(Value, ValueRange)> body) override {
    return e.fold(begin, end, 1, initial, body);
  }

private:
  // The lanes of part `part` of a group of `factor` interleaved vectors.
  Value partMask(const Lanes &lanes, int64_t factor, int64_t part) {
    if (!lanes.mask)
      return {};
    return interleaveLanes(e, SmallVector<Value>(factor, lanes.mask), part);
  }

  KernelEmitter &e;
};

} // namespace

LogicalResult hydra::emitCpuRows(plan::KernelOp kernel, KernelEmitter &e) {
  auto program = *kernel.getBody().getOps<rows::ProgramOp>().begin();
  plan::RowScheduleAttr schedule = *kernel.getSchedule();
  CpuRowMachine machine(e);
  RowEmission::Memory memory;
  memory.tensor = [&](Value tensor) {
    auto argument = dyn_cast<BlockArgument>(tensor);
    return e.pointer(argument ? program.getInputs()[argument.getArgNumber()] : tensor);
  };
  memory.scalar = [&](rows::ScalarOp scalar) -> Value {
    if (isa<IntegerAttr>(scalar.getValue()))
      return arith::TruncIOp::create(e.b, e.i32(), e.scalarInteger(scalar, "value"));
    return scalar.getType().isF64() ? e.scalarDouble(scalar, "value") : e.scalar(scalar, "value");
  };
  memory.scratch = e.scratch();
  memory.partial = e.partial();
  RowEmission emission(machine, program, schedule, std::move(memory));
  emission.uniform();
  if (e.stage() == 1) {
    Value columns = e.index(1);
    for (auto reduce : program.getBody().getOps<rows::ColumnReduceOp>())
      columns = e.max(columns, e.index(plan::partialColumns(program, reduce)));
    emission.totals(e.min(e.mul(e.begin(), plan::kTotalColumns), columns),
                    e.min(e.mul(e.end(), plan::kTotalColumns), columns));
    return success();
  }
  Value limit = emission.rowLimit();
  int64_t item = schedule.getItem();
  if (schedule.getChunkRows()) {
    e.loop(e.begin(), e.end(), 1, [&](Value chunk) {
      Value first = e.mul(chunk, item);
      emission.chunk(chunk, first, e.min(e.add(first, item), limit));
    });
    return success();
  }
  if (schedule.getFlat())
    limit = e.mul(limit, program.getColumns());
  Value first = e.min(e.mul(e.begin(), item), limit), last = e.min(e.mul(e.end(), item), limit);
  if (schedule.getFlat())
    emission.flat(first, last);
  else
    e.loop(first, last, 1, [&](Value row) { emission.row(row); });
  return success();
}
