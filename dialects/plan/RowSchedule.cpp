#include "dialects/plan/RowSchedule.h"

#include "dialects/plan/KernelWork.h"
#include "dialects/rows/Reductions.h"
#include "dialects/rows/RowAnalysis.h"
#include "dialects/target/GpuFacts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;
using namespace mlir::plan;
using namespace mlir::rows;

namespace {

// Cheap enough to do again: about the price of loading the value.
bool isCheap(Operation *op) {
  return isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::NegFOp, arith::SelectOp,
             arith::CmpFOp, arith::CmpIOp, arith::AddIOp, arith::MaximumFOp, arith::MinimumFOp,
             arith::ExtFOp, arith::TruncFOp, math::FmaOp>(op);
}
constexpr int64_t kLongestRecomputation = 3;

bool isOutput(Operation *op) { return isa<WriteOp, ReduceOp, ColumnReduceOp>(op); }

class Scheduler {
public:
  explicit Scheduler(ProgramOp program) : program(program), analysis(program) {
    for (Operation &op : program.getBody().front())
      ops.push_back(&op);
  }

  RowScheduleAttr run() {
    findLevels();
    findUses();
    int64_t columns = program.getColumns(), rows = program.getRows();
    bool reducesColumns = llvm::any_of(ops, [](Operation *op) { return isa<ColumnReduceOp>(op); });
    bool flat = analysis.isFlat();
    // Row tiles, less where rows are long. Of narrow ones a worker takes several (KernelWork.cpp).
    int64_t item = flat ? std::min(kFlatItem, kRowTile * columns)
                        : std::clamp<int64_t>(kRowItem / columns, 1, kRowTile);
    int64_t chunkRows = reducesColumns ? chunk(rows, columns) : 0;
    if (chunkRows)
      item = chunkRows;

    SmallVector<int64_t> sweep, place, partial;
    int64_t partialBytes = 0, chunks = chunkRows ? llvm::divideCeil(rows, chunkRows) : 0;
    for (Operation *op : ops) {
      sweep.push_back(first.lookup(op));
      place.push_back(static_cast<int64_t>(places.lookup(op)));
      if (auto reduce = dyn_cast<ColumnReduceOp>(op)) {
        const Reduction &reduction = reductionOf(reduce.getKind());
        partial.push_back(partialBytes);
        int64_t bytes =
            (reduction.isWide ? 8 : 4) * static_cast<int64_t>(reduction.identity.size());
        partialBytes =
            llvm::alignTo(partialBytes + chunks * partialColumns(program, reduce) * bytes, 64);
      }
    }
    // A warp per row (or segment), eight of them in a block; flat: a thread per element.
    constexpr int64_t kThreads = 256;
    return RowScheduleAttr::get(program.getContext(), sweeps, flat, unrolled(), item, chunkRows,
                                kThreads, flat ? 0 : kThreads / mlir::hydra::kWarp, sweep, place,
                                partial);
  }

private:
  bool unrolled() {
    int64_t run =
        analysis.usesSegments() ? static_cast<int64_t>(program.getWidth()) : program.getColumns();
    // Pieces of a row are not blocks of it.
    bool whole = llvm::all_of(ops, [&](Operation *op) {
      auto extent = op->getAttrOfType<IntegerAttr>("extent");
      return !extent || extent.getInt() == program.getColumns() ||
             (op->getNumResults() == 1 && !analysis.isElement(op->getResult(0))) ||
             (isa<WriteOp>(op) && !analysis.isElement(op->getOperand(0)));
    });
    return whole && sweeps > 1 && run <= kRegisterColumns;
  }

  // At most 64 chunks, of at least 4096 elements or 8 rows.
  static int64_t chunk(int64_t rows, int64_t columns) {
    constexpr int64_t kMostChunks = 64, kLeastElements = 4096, kLeastRows = 8;
    int64_t granule = std::clamp<int64_t>(kLeastElements / columns, 1, kLeastElements);
    granule = columns == 1 ? granule : std::min(granule, kLeastRows);
    return llvm::alignTo(llvm::divideCeil(std::max<int64_t>(rows, 1), kMostChunks), granule);
  }

  int64_t levelOf(Value value) const {
    Operation *op = value.getDefiningOp();
    return op ? levels.lookup(op) : 0;
  }

  // The sweep in which a value is there at the earliest; reductions are there one sweep after they
  // run.
  void findLevels() {
    for (Operation *op : ops) {
      int64_t level = 0;
      for (Value operand : op->getOperands())
        level = std::max(level, levelOf(operand));
      bool total = llvm::any_of(op->getOperands(), [&](Value v) { return analysis.isTotal(v); });
      if (isOutput(op) && !total)
        sweeps = std::max(sweeps, level + 1);
      runs[op] = level;
      levels[op] = isa<ReduceOp>(op) ? level + 1 : level;
    }
  }

  bool dependsOnTotal(Operation *op) const {
    return llvm::any_of(op->getOperands(), [&](Value v) { return analysis.isTotal(v); });
  }

  // From the outputs back: in which sweeps is a value needed, and where does a later one find it?
  void findUses() {
    DenseMap<Operation *, SmallVector<int64_t>> uses;
    bool inRegisters = unrolled();
    DenseMap<Operation *, int64_t> chains;
    for (Operation *op : ops)
      chains[op] = chainOf(op, chains);
    for (Operation *op : llvm::reverse(ops)) {
      SmallVector<int64_t> needed = uses.lookup(op);
      if (isOutput(op) && (isa<WriteOp>(op) || !op->use_empty()))
        needed.push_back(dependsOnTotal(op) ? sweeps : runs[op]);
      llvm::sort(needed);
      needed.erase(std::unique(needed.begin(), needed.end()), needed.end());
      if (needed.empty()) {
        first[op] = -1;
        continue;
      }
      bool scalar = op->getNumResults() == 1 && !analysis.isElement(op->getResult(0));
      // Scalars are evaluated once, before the sweep that can have them; outputs in their own.
      first[op] = isOutput(op) || !scalar
                      ? needed.front()
                      : (analysis.isTotal(op->getResult(0)) ? sweeps : runs[op]);
      SmallVector<int64_t> passed = {first[op]};
      if (!scalar && !isOutput(op) && needed.size() > 1) {
        // Nothing of a row is left after all rows.
        bool afterRows = needed.back() == sweeps;
        Place place = choosePlace(op, needed.front(), inRegisters && !afterRows,
                                  afterRows ? 0 : chains.lookup(op));
        places[op] = place;
        if (place == Place::recompute)
          passed = needed;
      }
      for (Value operand : op->getOperands())
        if (Operation *definition = operand.getDefiningOp())
          uses[definition].append(passed);
    }
  }

  // Ops of a recomputation; reads and scalars are free, dear ops forbid it.
  int64_t chainOf(Operation *op, const DenseMap<Operation *, int64_t> &chains) const {
    constexpr int64_t kNever = kLongestRecomputation + 1;
    if (isa<ReadOp, arith::ConstantOp, CoordinateOp>(op) ||
        (op->getNumResults() == 1 && !analysis.isElement(op->getResult(0))))
      return 0;
    if (!isCheap(op))
      return kNever;
    int64_t length = 1;
    for (Value operand : op->getOperands())
      if (Operation *definition = operand.getDefiningOp())
        length += chains.lookup(definition);
    return std::min(length, kNever);
  }

  Place choosePlace(Operation *op, int64_t sweep, bool inRegisters, int64_t chain) const {
    if (inRegisters)
      return Place::registers;
    if (isa<ReadOp>(op))
      return Place::reread;
    if (isa<arith::ConstantOp, CoordinateOp>(op))
      return Place::recompute;
    // Written whole, unrounded, by the sweep that makes it: the result holds it.
    for (Operation *user : op->getUsers())
      if (auto write = dyn_cast<WriteOp>(user))
        if (runs.lookup(user) == sweep && isWholeSingle(write))
          return Place::reread;
    return chain <= kLongestRecomputation ? Place::recompute : Place::scratch;
  }

  bool isWholeSingle(WriteOp write) const {
    ProgramOp owner = program;
    auto type = cast<RankedTensorType>(owner.getResult(write.getResult()).getType());
    return write.getColumnMap().getKind() == ColumnMapKind::same &&
           static_cast<int64_t>(write.getExtent()) == owner.getColumns() &&
           type.getElementTypeBitWidth() == 32;
  }

  ProgramOp program;
  RowAnalysis analysis;
  SmallVector<Operation *> ops;
  int64_t sweeps = 1;
  DenseMap<Operation *, int64_t> levels, runs, first;
  DenseMap<Operation *, Place> places;
};

// Elements of a row that an access touches: [begin, end) and how it maps columns.
bool sameElement(ColumnMapAttr a, ColumnMapAttr b) {
  auto plain = [](ColumnMapAttr map) {
    return map.getKind() == ColumnMapKind::same ||
           (map.getKind() == ColumnMapKind::window && map.getValues()[0] == 0);
  };
  return a == b || (plain(a) && plain(b));
}
bool disjoint(ColumnMapAttr a, int64_t aExtent, ColumnMapAttr b, int64_t bExtent) {
  auto begin = [](ColumnMapAttr map) -> int64_t {
    return map.getKind() == ColumnMapKind::window ? map.getValues()[0] : 0;
  };
  auto isRange = [](ColumnMapAttr map) {
    return map.getKind() == ColumnMapKind::same || map.getKind() == ColumnMapKind::window;
  };
  return isRange(a) && isRange(b) &&
         (begin(a) + aExtent <= begin(b) || begin(b) + bExtent <= begin(a));
}

// Whether the stage after all rows evaluates `op` again. Each op once: chains of squares share
// their operands.
bool reachesTotals(Operation *op, const RowAnalysis &analysis) {
  SmallVector<Operation *> pending = {op};
  SmallPtrSet<Operation *, 16> seen;
  while (!pending.empty())
    for (Operation *user : pending.pop_back_val()->getUsers()) {
      if (!seen.insert(user).second)
        continue;
      if (llvm::any_of(user->getOperands(), [&](Value v) { return analysis.isTotal(v); }))
        return true;
      if (!isOutput(user))
        pending.push_back(user);
    }
  return false;
}

} // namespace

RowScheduleAttr plan::scheduleRows(ProgramOp program) { return Scheduler(program).run(); }

int64_t plan::scratchRowBytes(ProgramOp program) {
  constexpr int64_t kVectorBytes = 64;
  return static_cast<int64_t>(llvm::alignTo(4 * program.getColumns(), kVectorBytes));
}

int64_t plan::partialColumns(ProgramOp program, ColumnReduceOp reduce) {
  return RowAnalysis(program).isElement(reduce.getResult()) ? program.getColumns() : 1;
}

int64_t plan::chunksOf(ProgramOp program, RowScheduleAttr schedule) {
  return static_cast<int64_t>(
      llvm::divideCeil(static_cast<int64_t>(program.getRows()), schedule.getChunkRows()));
}

RowWork plan::programWork(ProgramOp program, RowScheduleAttr schedule) {
  RowWork work;
  auto rows = static_cast<int64_t>(program.getRows());
  int64_t total = schedule.getFlat() ? rows * program.getColumns() : rows;
  work.items.push_back(
      std::max<int64_t>(static_cast<int64_t>(llvm::divideCeil(total, schedule.getItem())), 1));
  for (int64_t place : schedule.getPlace())
    if (place == static_cast<int64_t>(Place::scratch))
      work.scratchBytes += scratchRowBytes(program);
  if (schedule.getChunkRows() == 0)
    return work;
  int64_t columns = 1, chunks = chunksOf(program, schedule);
  auto offset = schedule.getPartial().begin();
  for (auto reduce : program.getBody().getOps<ColumnReduceOp>()) {
    const Reduction &reduction = reductionOf(reduce.getKind());
    int64_t bytes = (reduction.isWide ? 8 : 4) * static_cast<int64_t>(reduction.identity.size());
    columns = std::max(columns, partialColumns(program, reduce));
    work.partialBytes = *offset++ + chunks * partialColumns(program, reduce) * bytes;
  }
  work.items.push_back(static_cast<int64_t>(llvm::divideCeil(columns, kTotalColumns)));
  return work;
}

bool plan::mayOverwrite(ProgramOp program, RowScheduleAttr schedule, unsigned operand,
                        unsigned result) {
  auto from = cast<RankedTensorType>(program.getInputs()[operand].getType());
  auto to = cast<RankedTensorType>(program.getResult(result).getType());
  if (from.getShape() != to.getShape() ||
      from.getElementTypeBitWidth() != to.getElementTypeBitWidth())
    return false;
  Value argument = program.getBody().getArgument(operand);
  if (argument == program.getRowsArgument())
    return false;
  RowAnalysis analysis(program);
  // Where every op runs for the first and for the last time.
  DenseMap<Operation *, int64_t> first, last;
  for (auto [index, op] : llvm::enumerate(program.getBody().front())) {
    first[&op] = schedule.getSweep()[index];
    last[&op] = first[&op];
    auto place = static_cast<Place>(schedule.getPlace()[index]);
    if (place == Place::reread || place == Place::recompute)
      last[&op] = schedule.getSweeps() - 1;
    if (isa<ReadOp>(op) && reachesTotals(&op, analysis))
      last[&op] = schedule.getSweeps();
  }
  for (Operation &op : program.getBody().front()) {
    auto write = dyn_cast<WriteOp>(op);
    if (!write || write.getResult() != result || first[write] < 0)
      continue;
    for (Operation *user : argument.getUsers()) {
      auto read = dyn_cast<ReadOp>(user);
      if (!read || first[read] < 0)
        continue;
      // After all rows, an item reads what it writes and nothing that another one writes. Scalars
      // are read by all items.
      if (first[write] == schedule.getSweeps()) {
        bool alone = analysis.isElement(read.getValue())
                         ? read.getRowMap().getKind() == RowMapKind::none
                         : programWork(program, schedule).items.back() == 1;
        if (last[read] < schedule.getSweeps() ||
            (alone && sameElement(read.getColumnMap(), write.getColumnMap())))
          continue;
        return false;
      }
      if (last[read] > first[write] || read.getRowMap().getKind() != RowMapKind::same ||
          read.getPitch() != write.getPitch())
        return false;
      bool early = last[read] < first[write];
      if (!early && !sameElement(read.getColumnMap(), write.getColumnMap()) &&
          !disjoint(read.getColumnMap(), read.getExtent(), write.getColumnMap(), write.getExtent()))
        return false;
    }
  }
  return true;
}
