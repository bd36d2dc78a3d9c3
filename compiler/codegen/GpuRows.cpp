// Kind `rows` on a GPU: row programs on scalars, a warp per row or segment. Lane l works on columns
// l, l + 32, ...; a flat program and the stage after column reductions have a thread per element or
// column; a chunk of rows has a warp, so that each partial result belongs to one lane. How many
// workers there are is the launch's business (dialects/plan/GpuLaunch.h).
//
// Loops over columns are the same for all lanes of a warp: a tail is a block with lanes that are
// not there, which take part in shuffles, leave their states as they were and store nothing.
#include "compiler/codegen/GpuArithmetic.h"
#include "compiler/codegen/GpuFunction.h"
#include "compiler/codegen/KernelEmitters.h"
#include "compiler/codegen/RowEmission.h"
#include "dialects/plan/KernelScalars.h"
#include "dialects/target/GpuFacts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

class GpuRowMachine : public RowMachine {
public:
  GpuRowMachine(ImplicitLocOpBuilder &builder, Value lane) : RowMachine(builder), lane(lane) {}

  // The segment of this warp; null: all, one after the other.
  Value segment;

  VectorType shape() override { return {}; }
  Value spread(Value scalar) override { return scalar; }
  Value columnsOf(const Lanes &lanes) override {
    return arith::TruncIOp::create(b, b.getI32Type(), lanes.column);
  }
  Value neighbor(Value element) override { return exchange(element, 1); }
  Value cloneScalar(Operation *op, ValueRange operands) override {
    Operation *copy = op->cloneWithoutRegions();
    copy->setOperands(operands);
    b.insert(copy);
    return copy->getResult(0);
  }

  Value load(Type type, Value pointer, Value offset, const Lanes &lanes) override {
    return loadScalar(type, pointer, add(offset, lanes.column));
  }
  void store(Value element, Value pointer, Value offset, const Lanes &lanes) override {
    createIf(b, lanes.mask, [&] { storeScalar(element, pointer, add(offset, lanes.column)); });
  }
  Value loadStrided(Type type, Value pointer, Value offset, int64_t factor, int64_t phase,
                    const Lanes &lanes) override {
    return loadScalar(type, pointer, add(add(offset, mul(lanes.column, factor)), index(phase)));
  }
  void storeStrided(ArrayRef<Value> phases, Value pointer, Value offset,
                    const Lanes &lanes) override {
    Value start = add(offset, mul(lanes.column, static_cast<int64_t>(phases.size())));
    createIf(b, lanes.mask, [&] {
      for (auto [phase, value] : llvm::enumerate(phases))
        storeScalar(value, pointer, add(start, index(static_cast<int64_t>(phase))));
    });
  }
  Value loadScalar(Type type, Value pointer, Value offset) override {
    return LLVM::LoadOp::create(b, type, address(type, pointer, offset), bytesOf(type));
  }
  void storeScalar(Value value, Value pointer, Value offset) override {
    Type type = value.getType();
    LLVM::StoreOp::create(b, value, address(type, pointer, offset), bytesOf(type));
  }
  void single(llvm::function_ref<void()> body) override {
    createIf(b, arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lane, index(0)), body);
  }

  // A range of one thread.
  States fold(Value begin, Value end, ValueRange identity, Step step, Combine) override {
    return createLoop(b, begin, end, 1, identity, [&](Value column, ValueRange carried) {
      return step({column, Value()}, carried);
    });
  }
  States fold(int64_t begin, int64_t end, ValueRange identity, Step step, Combine) override {
    int64_t whole = begin + (end - begin) / kWarp * kWarp;
    States states = llvm::to_vector(identity);
    if (whole > begin)
      states = createLoop(b, index(begin), index(whole), kWarp, states,
                          [&](Value column, ValueRange carried) {
                            return step({add(column, lane), Value()}, carried);
                          });
    return whole < end ? step(tail(whole, end, -1), states) : states;
  }
  SmallVector<Lanes> blocks(int64_t begin, int64_t end) override {
    SmallVector<Lanes> result;
    for (int64_t column = begin; column < end; column += kWarp) {
      int64_t block = column / kWarp;
      result.push_back(column + kWarp <= end ? Lanes{add(index(column), lane), Value(), block}
                                             : tail(column, end, block));
    }
    return result;
  }
  void tiles(int64_t end, llvm::function_ref<void(ArrayRef<Lanes>)> body) override {
    int64_t whole = end / kWarp * kWarp;
    createLoop(b, index(0), index(whole), kWarp, {}, [&](Value column, ValueRange) {
      body(Lanes{add(column, lane), Value()});
      return States();
    });
    if (whole < end)
      body(tail(whole, end, -1));
  }
  States across(ValueRange states, Combine combine) override {
    States values = llvm::to_vector(states);
    for (int64_t distance = kWarp / 2; distance >= 1; distance /= 2) {
      States others;
      for (Value value : values)
        others.push_back(exchange(value, distance));
      values = combine(values, others);
    }
    return values;
  }
  void segments(int64_t count, llvm::function_ref<void(Value)> body) override {
    if (segment)
      return body(segment);
    createLoop(b, index(0), index(count), 1, {}, [&](Value number, ValueRange) {
      body(number);
      return States();
    });
  }
  States loop(Value begin, Value end, ValueRange initial,
              llvm::function_ref<States(Value, ValueRange)> body) override {
    return createLoop(b, begin, end, 1, initial, body);
  }

  Value index(int64_t value) { return arith::ConstantOp::create(b, b.getI64IntegerAttr(value)); }
  Value add(Value a, Value c) { return arith::AddIOp::create(b, a, c); }
  Value mul(Value a, int64_t c) { return arith::MulIOp::create(b, a, index(c)); }
  Value less(Value a, Value c) { return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, a, c); }

private:
  static unsigned bytesOf(Type type) { return type.getIntOrFloatBitWidth() / 8; }
  Value address(Type type, Value pointer, Value offset) {
    return LLVM::GEPOp::create(b, pointer.getType(), type, pointer, ValueRange{offset});
  }
  // The last, partial block: lanes beyond it look at the last column.
  Lanes tail(int64_t begin, int64_t end, int64_t block) {
    Value column = add(index(begin), lane), there = less(column, index(end));
    return {arith::MinSIOp::create(b, column, index(end - 1)), there, block};
  }
  // The value of the lane whose number differs in the bits of `distance`.
  Value exchange(Value value, int64_t distance) {
    if (bytesOf(value.getType()) == 4)
      return createExchange(b, value, distance);
    Type i32 = b.getI32Type(), i64 = b.getI64Type();
    Value bits = arith::BitcastOp::create(b, i64, value), half = index(32);
    Value low = arith::TruncIOp::create(b, i32, bits);
    Value high = arith::TruncIOp::create(b, i32, arith::ShRUIOp::create(b, bits, half));
    low = arith::ExtUIOp::create(b, i64, createExchange(b, low, distance));
    high = arith::ExtUIOp::create(b, i64, createExchange(b, high, distance));
    bits = arith::OrIOp::create(b, low, arith::ShLIOp::create(b, high, half));
    return arith::BitcastOp::create(b, value.getType(), bits);
  }

  Value lane;
};

} // namespace

LogicalResult mlir::hydra::emitGpuRows(plan::KernelOp kernel, int stage, ModuleOp module) {
  auto program = *kernel.getBody().getOps<rows::ProgramOp>().begin();
  plan::RowScheduleAttr schedule = *kernel.getSchedule();
  ImplicitLocOpBuilder b(kernel.getLoc(), kernel.getContext());
  GpuFunction gpu = GpuFunction::create(b, kernel, stage, module);
  GpuRowMachine machine(b, gpu.lane);

  RowEmission::Memory memory;
  memory.tensor = [&](Value tensor) -> Value {
    auto argument = dyn_cast<BlockArgument>(tensor);
    return gpu.pointers.lookup(argument ? program.getInputs()[argument.getArgNumber()] : tensor);
  };
  DenseMap<Operation *, Value> scalars;
  for (auto [bits, entry] :
       llvm::zip(gpu.scalars, plan::collectKernelScalars(*program->getBlock())))
    scalars[entry.op] = bits;
  memory.scalar = [&](rows::ScalarOp scalar) -> Value {
    Value bits = scalars.lookup(scalar);
    if (isa<IntegerAttr>(scalar.getValue()))
      return arith::TruncIOp::create(b, b.getI32Type(), bits);
    Value wide = arith::BitcastOp::create(b, b.getF64Type(), bits);
    return scalar.getType().isF64() ? wide : arith::TruncFOp::create(b, b.getF32Type(), wide);
  };
  memory.partial = gpu.partial;
  memory.scratch = gpu.scratch;

  RowEmission emission(machine, program, schedule, std::move(memory));
  emission.uniform();
  if (stage == 1) {
    gpu.forEachUnit(machine.index(gpu.launch.units), [&](Value column) {
      emission.totals(column, machine.add(column, machine.index(1)));
    });
  } else if (schedule.getFlat()) {
    Value limit = machine.mul(emission.rowLimit(), static_cast<int64_t>(program.getColumns()));
    gpu.forEachUnit(limit, [&](Value at) { emission.flat(at, machine.add(at, machine.index(1))); });
  } else if (schedule.getChunkRows()) {
    Value limit = emission.rowLimit(), size = machine.index(schedule.getChunkRows());
    gpu.forEachUnit(machine.index(gpu.launch.units), [&](Value chunk) {
      Value first = machine.mul(chunk, schedule.getChunkRows());
      Value last = arith::MinSIOp::create(b, machine.add(first, size), limit);
      emission.chunk(chunk, first, last);
    });
  } else {
    auto segments = static_cast<int64_t>(program.getSegments());
    Value limit = machine.mul(emission.rowLimit(), segments), count = machine.index(segments);
    gpu.forEachUnit(limit, [&](Value unit) {
      machine.segment = arith::RemUIOp::create(b, unit, count);
      emission.row(arith::DivUIOp::create(b, unit, count));
    });
  }
  LLVM::ReturnOp::create(b, ValueRange{});
  return success();
}
