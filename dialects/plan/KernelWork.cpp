#include "dialects/plan/KernelWork.h"

#include "dialects/plan/AttentionBlocks.h"
#include "dialects/plan/ProductTiling.h"
#include "dialects/rows/RowProgram.h"
#include "dialects/target/CpuFacts.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::plan;
using namespace mlir::hydra;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

static int64_t rowsOf(RankedTensorType type) {
  int64_t rows = 1;
  for (int64_t extent : type.getShape().drop_back())
    rows *= extent;
  return rows;
}

static KernelWork oneStage(int64_t items, int64_t grain = 1) {
  KernelWork work;
  work.items = {std::max<int64_t>(items, 1)};
  work.grain = {grain};
  return work;
}

// Items of few elements are taken several at once, so that what a worker takes is worth taking.
static int64_t grainOf(int64_t elements, int64_t items) {
  return std::clamp<int64_t>(kGrainElements / elements, 1, items);
}

// Row tiles of the first result.
static KernelWork rowWork(Operation *op) {
  RankedTensorType type = typeOf(op->getResult(0));
  if (type.getRank() == 0)
    return oneStage(1);
  int64_t width = std::max<int64_t>(type.getShape().back(), 1);
  int64_t items = std::max<int64_t>(llvm::divideCeil(rowsOf(type), kRowTile), 1);
  return oneStage(items, grainOf(kRowTile * width, items));
}

// Partial results of fixed pieces, then one item that adds them in order.
static KernelWork twoStages(int64_t pieces) {
  KernelWork work;
  pieces = std::max<int64_t>(pieces, 1);
  work.items = {pieces, 1};
  work.grain = {1, 1};
  work.partialBytes = pieces * static_cast<int64_t>(sizeof(double));
  return work;
}

constexpr int64_t kFloatBytes = 4;
constexpr int64_t kWordBytes = 4;

// Tiles of query rows; of the gradient, parts of sequences and then, if there are several, tiles of
// key rows in which their dk and dv are added.
static KernelWork attentionWork(Operation *op) {
  AttentionExtents extents = AttentionExtents::of(op);
  KernelWork work;
  work.tiling = tileAttention(op);
  int64_t heads = extents.batch * extents.kvHeads;
  int64_t tiles = llvm::divideCeil(extents.queries, work.tiling.getRows());
  work.scratchBytes = AttentionScratch(extents, work.tiling).words * kWordBytes;
  ArrayRef<int64_t> bounds = work.tiling.getParts();
  if (bounds.empty()) {
    work.items = {heads * tiles};
  } else {
    int64_t parts = static_cast<int64_t>(bounds.size()) - 1;
    work.items = {heads * parts};
    if (parts > 1) {
      work.items.push_back(extents.batch * tiles);
      // dk and dv of every part.
      work.partialBytes = 2 * parts * heads * extents.keys * extents.width * kFloatBytes;
    }
  }
  work.grain.assign(work.items.size(), 1);
  return work;
}

// On a device with blocks of threads: stages of blocks.
static KernelWork attentionBlockWork(Operation *op) {
  KernelWork work;
  bool gradient = isa<AttentionGradOp>(op);
  for (int stage = 0; stage < (gradient ? 2 : 1); ++stage)
    work.items.push_back(attentionBlocks(op, stage).units);
  work.grain.assign(work.items.size(), 1);
  work.partialBytes = gradient ? attentionPartialBytes(op) : 0;
  return work;
}

KernelWork mlir::plan::getKernelWork(Block &body, RowScheduleAttr schedule, Workers workers) {
  Operation *op = &body.front();
  if (auto program = dyn_cast<rows::ProgramOp>(op)) {
    RowWork rows = programWork(program, schedule);
    KernelWork work;
    work.items = rows.items;
    work.grain.assign(rows.items.size(), 1);
    if (schedule.getChunkRows() == 0) {
      int64_t width = schedule.getFlat() ? 1 : static_cast<int64_t>(program.getColumns());
      work.grain[0] = grainOf(schedule.getItem() * width, work.items[0]);
    }
    work.partialBytes = rows.partialBytes;
    work.scratchBytes = rows.scratchBytes;
    return work;
  }
  return llvm::TypeSwitch<Operation *, KernelWork>(op)
      .Case([](TopKOp top) {
        RankedTensorType score = typeOf(top.getScore());
        int64_t items = std::max<int64_t>(rowsOf(score), 1);
        return oneStage(items, grainOf(score.getShape().back(), items));
      })
      // Every position depends on all before it.
      .Case([](CountingSortOp sort) {
        KernelWork work = oneStage(1);
        work.scratchBytes = static_cast<int64_t>(sort.getClasses()) * kWordBytes;
        return work;
      })
      .Case([](NonzeroOp) { return oneStage(1); })
      .Case([](PrefixRankOp rank) {
        int64_t items = std::max<int64_t>(typeOf(rank.getScore()).getNumElements(), 1);
        return oneStage(items, grainOf(typeOf(rank.getKeys()).getShape().back(), items));
      })
      .Case([](ScatterRowsOp scatter) {
        // Where each row of the result comes from, then the rows.
        KernelWork work = rowWork(scatter);
        work.items.insert(work.items.begin(), 1);
        work.grain.insert(work.grain.begin(), 1);
        int64_t links = rowsOf(typeOf(scatter.getResult()));
        if (!scatter.getUnique())
          links += rowsOf(typeOf(scatter.getX()));
        work.partialBytes = llvm::alignTo(links * kWordBytes, 8);
        return work;
      })
      .Case([](CacheUpdateOp update) {
        return oneStage(typeOf(update.getCache()).getShape().front());
      })
      .Case([](SampleOp sample) {
        ArrayRef<int64_t> logits = typeOf(sample.getLogits()).getShape();
        KernelWork work = oneStage(logits[0]);
        // An ordered key and a weight per id; the weight of all.
        work.scratchBytes = llvm::alignTo(logits[1], kLanes) *
                                static_cast<int64_t>(sizeof(int32_t) + sizeof(int64_t)) +
                            static_cast<int64_t>(sizeof(int64_t));
        return work;
      })
      .Case<AttentionOp, AttentionGradOp>([&](Operation *attention) {
        return workers == Workers::blocks ? attentionBlockWork(attention)
                                          : attentionWork(attention);
      })
      .Case<mlir::hydra::MatmulOp, GroupedMatmulOp, GroupedWeightGradOp>(
          [](Operation *product) { return oneStage(tileProduct(product).tiles); })
      .Case([](GlobalNormOp norm) {
        int64_t pieces = 0;
        for (Value input : norm.getInputs())
          pieces += llvm::divideCeil(typeOf(input).getNumElements(), kFlatTile);
        return twoStages(pieces);
      })
      .Default([](Operation *other) { return rowWork(other); });
}

FailureOr<RowScheduleAttr> mlir::plan::formRowProgram(Block &body) {
  SmallVector<Operation *> primitives;
  for (Operation &op : body.without_terminator())
    primitives.push_back(&op);
  if (primitives.size() == 1) {
    if (auto program = dyn_cast<rows::ProgramOp>(primitives.front()))
      return scheduleRows(program);
    if (!rows::hasRowBodies(body))
      return RowScheduleAttr();
  }
  Operation *yield = body.getTerminator();
  OpBuilder builder(yield);
  FailureOr<rows::ProgramOp> program = rows::buildRowProgram(builder, body, body.getArguments());
  if (failed(program))
    return failure();
  yield->setOperands(program->getResults());
  for (Operation *op : llvm::reverse(primitives))
    op->erase();
  return scheduleRows(*program);
}

// What the emitters of whole kinds promise.
static bool primitiveMayOverwrite(Operation *op, unsigned operand, unsigned result) {
  Value value = op->getOperand(operand);
  return llvm::TypeSwitch<Operation *, bool>(op)
      // An element is read before it is written.
      .Case([&](ScatterRowsOp scatter) {
        return value == scatter.getAccumulator() && value != scatter.getX();
      })
      .Case([&](MergeRowsOp merge) { return operand == 0 && value != merge.getX(); })
      // Each element is read where it is written; as a factor it is read elsewhere, too.
      .Case<mlir::hydra::MatmulOp, GroupedMatmulOp, GroupedWeightGradOp>([&](Operation *product) {
        return value == accumulatorOf(product) && llvm::count(product->getOperands(), value) == 1;
      })
      // A row of the result is a row of x or the same row of the cache.
      .Case([&](CacheUpdateOp update) { return operand == 0 && value != update.getX(); })
      .Default([](Operation *) { return false; });
}

bool mlir::plan::mayOverwrite(KernelOp kernel, unsigned operand, unsigned result) {
  Block &body = kernel.getBody().front();
  Operation &op = body.front();
  if (auto program = dyn_cast<rows::ProgramOp>(op))
    return mayOverwrite(program, *kernel.getSchedule(), operand, result);
  Value argument = body.getArgument(operand);
  auto written = dyn_cast<OpResult>(body.getTerminator()->getOperand(result));
  RankedTensorType from = typeOf(argument);
  if (!written || from.getShape() != typeOf(written).getShape() ||
      from.getElementTypeBitWidth() != typeOf(written).getElementTypeBitWidth())
    return false;
  return llvm::all_of(argument.getUses(), [&](OpOperand &use) {
    return primitiveMayOverwrite(&op, use.getOperandNumber(), written.getResultNumber());
  });
}
