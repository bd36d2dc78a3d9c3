#include "passes/fusion/RegionCost.h"

#include "dialects/hydra/HydraDialect.h"
#include "dialects/rows/Reductions.h"
#include "dialects/rows/RowAnalysis.h"
#include "dialects/rows/RowProgram.h"
#include "dialects/rows/RowTraffic.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::hydra;
using namespace mlir::rows;
using plan::Place;

RegionCost RegionCost::operator+(const RegionCost &other) const {
  RegionCost sum;
  sum.bytes = bytes + other.bytes;
  sum.picoseconds = picoseconds + other.picoseconds;
  sum.spilling = spilling + other.spilling;
  sum.tenthsOfCycles = tenthsOfCycles + other.tenthsOfCycles;
  sum.launches = launches + other.launches;
  sum.live = std::max(live, other.live);
  sum.reductions = reductions + other.reductions;
  sum.columnSums = columnSums + other.columnSums;
  sum.sweeps = sweeps + other.sweeps;
  sum.scratchBytes = std::max(scratchBytes, other.scratchBytes);
  sum.ops = ops + other.ops;
  sum.items = std::max(items, other.items);
  return sum;
}

namespace {

// Picoseconds. A tensor comes from the smallest cache that holds it beside another.
int64_t trafficTime(int64_t bytes, int64_t tensorBytes, const CpuFacts &facts) {
  int64_t bandwidth = tensorBytes <= facts.l2Bytes / 2            ? facts.l2Bandwidth
                      : tensorBytes <= facts.sharedCacheBytes / 2 ? facts.sharedCacheBandwidth
                                                                  : facts.memoryBandwidth;
  // Bandwidths are bytes per microsecond.
  return bytes * 1000000 / bandwidth;
}

class CostReader {
public:
  CostReader(ProgramOp program, plan::RowScheduleAttr schedule, const CpuFacts &facts)
      : program(program), schedule(schedule), facts(facts), analysis(program),
        rows(static_cast<int64_t>(program.getRows())), columns(program.getColumns()) {
    int64_t run = analysis.usesSegments() ? static_cast<int64_t>(program.getWidth()) : columns;
    vectors = rows * (columns / run) * static_cast<int64_t>(llvm::divideCeil(run, kLanes));
    if (schedule.getFlat())
      vectors = static_cast<int64_t>(llvm::divideCeil(rows * columns, kLanes));
    for (auto [index, op] : llvm::enumerate(program.getBody().front())) {
      sweep[&op] = schedule.getSweep()[index];
      place[&op] = static_cast<Place>(schedule.getPlace()[index]);
    }
  }

  RegionCost read() {
    RegionCost cost;
    plan::RowWork work = plan::programWork(program, schedule);
    cost.scratchBytes = work.scratchBytes;
    cost.items = work.items.front();
    cost.launches = static_cast<int64_t>(work.items.size());
    cost.sweeps = schedule.getSweeps();
    for (const rows::TensorTraffic &traffic : rows::trafficOf(program))
      addTraffic(cost, traffic.bytes, traffic.tensorBytes);
    // Written by one stage, read by the next.
    addTraffic(cost, 2 * work.partialBytes, work.partialBytes);
    for (int64_t number = 0; number <= schedule.getSweeps(); ++number)
      cost.live = std::max(cost.live, liveVectors(number));
    cost.tenthsOfCycles = arithmetic(cost);
    int64_t arithmeticTime = cost.tenthsOfCycles * facts.picosecondsPerCycle / 10;
    int64_t overflow = std::max<int64_t>(cost.live - facts.liveVectors, 0);
    int64_t spilling = overflow * vectors * schedule.getSweeps() * facts.costs.keep / 10 *
                       facts.picosecondsPerCycle;
    int64_t workers = std::clamp<int64_t>(cost.items, 1, cpuMatmulLibrary().workers);
    auto together = [&](int64_t alu) {
      return (std::max(alu, memoryTime) + std::min(alu, memoryTime) / 20) / workers;
    };
    cost.picoseconds = together(arithmeticTime + spilling) + cost.launches * kCpuLaunchPicoseconds;
    cost.spilling = together(arithmeticTime + spilling) - together(arithmeticTime);
    return cost;
  }

private:
  void addTraffic(RegionCost &cost, int64_t bytes, int64_t tensorBytes) {
    cost.bytes += bytes;
    memoryTime += trafficTime(bytes, tensorBytes, facts);
  }

  // Tenths of a cycle.
  int64_t arithmetic(RegionCost &cost) {
    int64_t total = 0;
    for (Operation &op : program.getBody().front()) {
      ++cost.ops;
      cost.reductions += isa<rows::ReduceOp>(op);
      cost.columnSums += isa<ColumnReduceOp>(op);
      if (sweep.lookup(&op) < 0 || isa<arith::ConstantOp, ScalarOp>(op))
        continue;
      bool element =
          op.getNumResults() == 0 || analysis.isElement(op.getResult(0)) || isa<rows::ReduceOp>(op);
      unsigned depends =
          op.getNumResults() == 1 ? analysis.dependence(op.getResult(0)) : unsigned(kRow);
      // Scalars of a row cost about what a vector does; those of the program nothing.
      int64_t times = element                ? vectors
                      : (depends & kSegment) ? rows * static_cast<int64_t>(program.getSegments())
                      : (depends & kRow)     ? rows
                                             : 0;
      if (place.lookup(&op) == Place::recompute || place.lookup(&op) == Place::reread)
        times *= std::max<int64_t>(schedule.getSweeps() - sweep.lookup(&op), 1);
      total += times * weight(&op);
      if (place.lookup(&op) == Place::scratch)
        total += times * facts.costs.keep;
    }
    return total;
  }
  int64_t weight(Operation *op) {
    if (isa<math::ExpOp, math::LogOp, math::TanhOp>(op))
      return facts.costs.exponent;
    if (isa<arith::DivFOp, math::SqrtOp>(op))
      return facts.costs.division;
    return facts.costs.cheap;
  }

  // Elements that are made in a sweep and not used up yet, accumulators, and scalars spread over
  // lanes.
  int64_t liveVectors(int64_t number) {
    llvm::DenseMap<Operation *, int64_t> lastUse;
    SmallVector<Operation *> active;
    auto runs = [&](Operation *op) {
      Place where = place.lookup(op);
      return sweep.lookup(op) == number || (sweep.lookup(op) >= 0 && sweep.lookup(op) < number &&
                                            (where == Place::recompute || where == Place::reread));
    };
    llvm::DenseSet<Value> scalars;
    int64_t fixed = 0;
    for (Operation &op : program.getBody().front()) {
      if (!runs(&op))
        continue;
      if (auto reduce = dyn_cast<rows::ReduceOp>(op)) {
        constexpr int64_t kAccumulators = 4;
        fixed +=
            kAccumulators * static_cast<int64_t>(reductionOf(reduce.getKind()).identity.size());
      }
      bool element = op.getNumResults() == 0 || analysis.isElement(op.getResult(0));
      if (!element && !isa<rows::ReduceOp, ColumnReduceOp>(op))
        continue;
      auto position = static_cast<int64_t>(active.size());
      active.push_back(&op);
      for (Value operand : op.getOperands()) {
        if (!analysis.isElement(operand))
          scalars.insert(operand);
        else if (Operation *definition = operand.getDefiningOp())
          lastUse[definition] = position;
      }
    }
    int64_t widest = 0, alive = 0;
    for (auto [position, op] : llvm::enumerate(active)) {
      alive += lastUse.count(op);
      widest = std::max(widest, alive);
      for (Value operand : llvm::SmallPtrSet<Value, 4>(op->operand_begin(), op->operand_end()))
        if (Operation *definition = operand.getDefiningOp())
          if (auto last = lastUse.find(definition);
              last != lastUse.end() && last->second == static_cast<int64_t>(position))
            --alive;
    }
    return fixed + widest + static_cast<int64_t>(scalars.size());
  }

  ProgramOp program;
  plan::RowScheduleAttr schedule;
  const CpuFacts &facts;
  RowAnalysis analysis;
  int64_t rows, columns, vectors, memoryTime = 0;
  llvm::DenseMap<Operation *, int64_t> sweep;
  llvm::DenseMap<Operation *, Place> place;
};

} // namespace

RegionCost mlir::hydra::costOf(ProgramOp program, plan::RowScheduleAttr schedule,
                               const CpuFacts &facts) {
  return CostReader(program, schedule, facts).read();
}

RegionCost mlir::hydra::costOfTraffic(int64_t bytes, int64_t tensorBytes, const CpuFacts &facts) {
  RegionCost cost;
  cost.bytes = bytes;
  cost.picoseconds = trafficTime(bytes, tensorBytes, facts) / cpuMatmulLibrary().workers;
  return cost;
}

RegionEstimate mlir::hydra::estimateRegion(Block &primitives, const CpuFacts &facts) {
  RegionEstimate estimate;
  // Built beside the primitives, and taken away again.
  OpBuilder builder(primitives.getTerminator());
  FailureOr<ProgramOp> program =
      buildRowProgram(builder, primitives, primitives.getArguments(), &estimate.refusal);
  if (failed(program))
    return estimate;
  estimate.cost = costOf(*program, plan::scheduleRows(*program), facts);
  program->erase();
  return estimate;
}
