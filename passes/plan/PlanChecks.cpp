#include "passes/plan/PlanChecks.h"

#include "passes/plan/InPlace.h"
#include "passes/plan/RegionLayout.h"

#include "llvm/ADT/TypeSwitch.h"
#include <utility>

using namespace mlir;
using namespace mlir::plan;

static int64_t endOf(RefAttr place) { return place.getOffset() + place.getBytes(); }

// Columns of equal pitch, seen as arcs of a circle of one pitch, that are apart.
static bool disjointColumns(RefAttr a, RefAttr b) {
  int64_t pitch = a.getPitch();
  if (pitch == 0 || pitch != b.getPitch())
    return false;
  int64_t distance = (b.getOffset() % pitch + pitch - a.getOffset() % pitch) % pitch;
  return distance >= a.getRowBytes() && distance + b.getRowBytes() <= pitch;
}

bool mlir::plan::overlap(RefAttr a, RefAttr b) {
  return a.getRegion() == b.getRegion() && a.getOffset() < endOf(b) && b.getOffset() < endOf(a) &&
         !disjointColumns(a, b);
}

// Calls visit(begin, end) for the contiguous pieces of a place.
static void forEachPiece(RefAttr place, llvm::function_ref<void(int64_t, int64_t)> visit) {
  if (place.getPitch() == 0)
    return visit(place.getOffset(), endOf(place));
  for (int64_t begin = place.getOffset(); begin < endOf(place); begin += place.getPitch())
    visit(begin, begin + place.getRowBytes());
}

void WrittenBytes::add(int64_t begin, int64_t end) {
  if (begin == end)
    return;
  auto range = ranges.upper_bound(begin);
  if (range != ranges.begin() && std::prev(range)->second >= begin)
    --range;
  while (range != ranges.end() && range->first <= end) {
    begin = std::min(begin, range->first);
    end = std::max(end, range->second);
    range = ranges.erase(range);
  }
  ranges[begin] = end;
}

void WrittenBytes::remove(int64_t begin, int64_t end) {
  auto range = ranges.upper_bound(begin);
  if (range != ranges.begin())
    --range;
  while (range != ranges.end() && range->first < end) {
    auto [first, last] = *range;
    if (last <= begin) {
      ++range;
      continue;
    }
    range = ranges.erase(range);
    if (first < begin)
      ranges[first] = begin;
    if (last > end)
      ranges[end] = last;
  }
}

bool WrittenBytes::contains(int64_t begin, int64_t end) const {
  if (begin == end)
    return true;
  auto range = ranges.upper_bound(begin);
  return range != ranges.begin() && std::prev(range)->second >= end;
}

void WrittenBytes::add(RefAttr place) {
  if (place.getRegion() == Region::arena)
    forEachPiece(place, [&](int64_t begin, int64_t end) { add(begin, end); });
}
void WrittenBytes::remove(RefAttr place) {
  forEachPiece(place, [&](int64_t begin, int64_t end) { remove(begin, end); });
}
bool WrittenBytes::contains(RefAttr place) const {
  bool all = true;
  forEachPiece(place, [&](int64_t begin, int64_t end) { all &= contains(begin, end); });
  return all;
}

void WrittenBytes::intersect(const WrittenBytes &other) {
  WrittenBytes gaps = *this;
  for (auto [begin, end] : other.ranges)
    gaps.remove(begin, end);
  for (auto [begin, end] : gaps.ranges)
    remove(begin, end);
}

RefAttr CommandChecker::now(RefAttr place) const {
  if (place.getRepeatStep() == 0 || iteration < 0)
    return place;
  return RefAttr::get(place.getContext(), place.getRegion(),
                      place.getOffset() + iteration * place.getRepeatStep(), place.getBytes(),
                      place.getRowBytes(), place.getPitch(), 0);
}

LogicalResult CommandChecker::checkPlace(Operation *op, RefAttr place, int64_t element) const {
  int64_t size = regionBytes[static_cast<size_t>(place.getRegion())];
  if (place.getRegion() == Region::scratch)
    return op->emitOpError("names scratch, which belongs to workers: ") << place;
  if (place.getRepeatStep() != 0)
    return op->emitOpError("moves, but is not inside a plan.repeat: ") << place;
  if (place.getOffset() < 0 || place.getBytes() < 0 || endOf(place) > size)
    return op->emitOpError("expected a place inside region ")
           << stringifyRegion(place.getRegion()) << " of " << size << " bytes, found " << place;
  int64_t row = place.getRowBytes(), pitch = place.getPitch();
  if (pitch == 0 ? row != 0
                 : row < 1 || row > pitch || place.getBytes() < row ||
                       (place.getBytes() - row) % pitch != 0)
    return op->emitOpError("expected rows that fit their pitch and fill the place, found ")
           << place;
  if (place.getOffset() % element != 0 || row % element != 0 || pitch % element != 0)
    return op->emitOpError("expected an offset that is a multiple of ")
           << element << " bytes, found " << place;
  return success();
}

LogicalResult CommandChecker::checkRead(Operation *op, RefAttr place,
                                        const WrittenBytes &written) const {
  if (place.getRegion() == Region::arena && !written.contains(place))
    return op->emitOpError("reads arena bytes that no earlier command of the entry wrote, or that "
                           "are dead: ")
           << place;
  return success();
}

LogicalResult CommandChecker::checkEntry(EntryOp entry) {
  WrittenBytes written;
  return checkBlock(entry.getBody().front(), written);
}

LogicalResult CommandChecker::checkBlock(Block &block, WrittenBytes &written) {
  bool isEntry = isa<EntryOp>(block.getParentOp());
  for (Operation &op : block) {
    if (isEntry && isa<BufferOp>(op))
      continue;
    if (auto dead = dyn_cast<DeadOp>(op); isEntry && dead) {
      if (dead.getRange().getRegion() != Region::arena)
        return dead.emitOpError("expected a place in the arena, found ") << dead.getRange();
      if (failed(checkPlace(dead, dead.getRange(), 1)))
        return failure();
      written.remove(dead.getRange());
      continue;
    }
    if (iteration <= 0)
      ++numCommands;
    if (failed(checkCommand(op, written)))
      return failure();
  }
  return success();
}

LogicalResult CommandChecker::checkCommand(Operation &op, WrittenBytes &written) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(&op)
      .Case([&](LaunchOp launch) { return checkLaunch(launch, written); })
      .Case([&](MatmulOp matmul) { return checkMatmul(matmul, written); })
      .Case([&](CopyOp copy) -> LogicalResult {
        RefAttr source = now(copy.getSource()), target = now(copy.getTarget());
        if (failed(checkPlace(copy, source, 1)) || failed(checkPlace(copy, target, 1)) ||
            failed(checkRead(copy, source, written)))
          return failure();
        auto payload = [](RefAttr place) {
          int64_t rows = place.getPitch() == 0
                             ? 1
                             : (place.getBytes() - place.getRowBytes()) / place.getPitch() + 1;
          return place.getPitch() == 0 ? place.getBytes() : rows * place.getRowBytes();
        };
        if (payload(source) != payload(target) || overlap(source, target))
          return copy.emitOpError("expected two places of one size that do not overlap");
        written.add(target);
        return success();
      })
      .Case([&](FillOp fill) -> LogicalResult {
        RefAttr target = now(fill.getTarget());
        if (failed(checkPlace(fill, target, 4)))
          return failure();
        if (target.getBytes() % 4 != 0)
          return fill.emitOpError("expected a target of whole 4-byte words, found ") << target;
        written.add(target);
        return success();
      })
      .Case([&](CollectiveOp collective) {
        return checkPlace(collective, now(collective.getBuffer()),
                          collective.getType().getIntOrFloatBitWidth() / 8);
      })
      .Case([&](SwitchOp branch) { return checkSwitch(branch, written); })
      .Case([&](CaptureOp capture) { return checkBlock(capture.getBody().front(), written); })
      .Case([&](RepeatOp repeat) { return checkRepeat(repeat, written); })
      .Default([](Operation *other) {
        return other->emitOpError("is not a command; entries hold commands only");
      });
}

// After a switch, the arena holds what every case leaves in it: one of them has run.
LogicalResult CommandChecker::checkSwitch(SwitchOp op, WrittenBytes &written) {
  RefAttr selector = now(op.getSelector());
  if (failed(checkPlace(op, selector, 4)) || failed(checkRead(op, selector, written)))
    return failure();
  WrittenBytes before = written;
  for (auto [number, body] : llvm::enumerate(op.getCases())) {
    WrittenBytes inCase = before;
    if (!body.empty() && failed(checkBlock(body.front(), inCase)))
      return failure();
    if (number == 0)
      written = inCase;
    else
      written.intersect(inCase);
  }
  return success();
}

LogicalResult CommandChecker::checkRepeat(RepeatOp op, WrittenBytes &written) {
  constexpr uint64_t kMostIterations = 1 << 20;
  if (op.getCount() < 1 || op.getCount() > kMostIterations)
    return op.emitOpError("expected a count from 1 to ")
           << kMostIterations << ", found " << op.getCount();
  int64_t outer = std::exchange(iteration, 0);
  LogicalResult result = success();
  for (; succeeded(result) && iteration < static_cast<int64_t>(op.getCount()); ++iteration)
    result = checkBlock(op.getBody().front(), written);
  iteration = outer;
  return result;
}

// The stages of one launch follow each other with the same arguments: nothing comes between a stage
// and the partial results of the one before.
LogicalResult CommandChecker::checkStages(LaunchOp op, KernelOp kernel) const {
  auto stages = static_cast<uint64_t>(kernel.getItems().size());
  if (op.getStage() >= stages)
    return op.emitOpError("expected a stage below ") << stages << ", found " << op.getStage();
  auto follows = [](LaunchOp first, LaunchOp second) {
    return first && second && first.getKernel() == second.getKernel() &&
           first.getStage() + 1 == second.getStage() && first.getArgs() == second.getArgs() &&
           first.getScalars() == second.getScalars();
  };
  if (op.getStage() > 0 && !follows(dyn_cast_or_null<LaunchOp>(op->getPrevNode()), op))
    return op.emitOpError("expected stage ")
           << op.getStage() - 1 << " of @" << op.getKernel()
           << " with the same arguments right before its stage " << op.getStage();
  if (op.getStage() + 1 < stages && !follows(op, dyn_cast_or_null<LaunchOp>(op->getNextNode())))
    return op.emitOpError("expected stage ")
           << op.getStage() + 1 << " of @" << op.getKernel()
           << " with the same arguments right after its stage " << op.getStage();
  return success();
}

// What is written overlaps nothing, unless it takes exactly the place of an operand and the kernel
// allows that. The buffer between stages is written too.
LogicalResult CommandChecker::checkOverlaps(LaunchOp op, KernelOp kernel,
                                            ArrayRef<RefAttr> places) const {
  Block &body = kernel.getBody().front();
  size_t inputs = body.getNumArguments(), outputs = body.getTerminator()->getNumOperands();
  for (size_t written = inputs; written < places.size(); ++written)
    for (size_t other = 0; other < places.size(); ++other) {
      if (other == written || !overlap(places[written], places[other]))
        continue;
      bool same = other < inputs && written < inputs + outputs && places[other] == places[written];
      if (same && overwrites.mayOverwrite(kernel, other, written - inputs))
        continue;
      InFlightDiagnostic error = op.emitOpError("argument ")
                                 << written << " is written at " << places[written];
      if (same)
        error << " over argument " << other << ", which @" << kernel.getSymName()
              << " cannot do in place";
      else
        error << " and overlaps argument " << other << " at " << places[other];
      return error;
    }
  return success();
}

LogicalResult CommandChecker::checkLaunch(LaunchOp op, WrittenBytes &written) {
  auto kernel = symbols.lookup<KernelOp>(op.getKernel());
  if (!kernel)
    return op.emitOpError("names kernel @") << op.getKernel() << ", which does not exist";
  used.insert(kernel.getSymName());
  Block &body = kernel.getBody().front();
  Operation *yield = body.getTerminator();
  size_t inputs = body.getNumArguments(), outputs = yield->getNumOperands();
  size_t expected = inputs + outputs + (kernel.getPartialBytes() > 0);
  if (op.getArgs().size() != expected)
    return op.emitOpError("expected ") << expected << " arguments, found " << op.getArgs().size();
  if (failed(checkStages(op, kernel)))
    return failure();
  auto stage = static_cast<size_t>(op.getStage());
  if (op.getItems() != static_cast<uint64_t>(kernel.getItems()[stage]) ||
      op.getGrain() != static_cast<uint64_t>(kernel.getGrain()[stage]))
    return op.emitOpError("expected the kernel's ")
           << kernel.getItems()[stage] << " items in grains of " << kernel.getGrain()[stage];

  SmallVector<RefAttr> places;
  for (auto place : op.getArgs().getAsRange<RefAttr>())
    places.push_back(now(place));
  for (auto [index, place] : llvm::enumerate(places)) {
    int64_t bytes = kernel.getPartialBytes(), element = 8;
    if (index < inputs + outputs) {
      Type type = index < inputs ? body.getArgument(index).getType()
                                 : yield->getOperand(index - inputs).getType();
      bytes = bytesOf(type);
      element = cast<RankedTensorType>(type).getElementTypeBitWidth() / 8;
    }
    if (failed(checkPlace(op, place, element)))
      return failure();
    if (place.getPitch() == 0 && place.getBytes() != bytes)
      return op.emitOpError("expected ")
             << bytes << " bytes for argument " << index << ", found " << place;
    if (index < inputs && failed(checkRead(op, place, written)))
      return failure();
  }
  if (failed(checkOverlaps(op, kernel, places)))
    return failure();
  for (size_t output = inputs; output < places.size(); ++output)
    written.add(places[output]);
  return success();
}

LogicalResult CommandChecker::checkMatmulPlaces(MatmulOp op, const WrittenBytes &written) const {
  auto elementBytes = [](Type type) {
    return static_cast<int64_t>(type.getIntOrFloatBitWidth() / 8);
  };
  RefAttr a = now(op.getA()), b = now(op.getB()), c = now(op.getC());
  if (failed(checkPlace(op, a, elementBytes(op.getAType()))) ||
      failed(checkPlace(op, b, elementBytes(op.getBType()))) ||
      failed(checkPlace(op, c, elementBytes(op.getCType()))))
    return failure();
  if (failed(checkRead(op, a, written)) || failed(checkRead(op, b, written)) ||
      (op.getAccumulate() && failed(checkRead(op, c, written))))
    return failure();
  for (std::optional<RefAttr> numbers : {op.getRows(), op.getOffsets()})
    if (numbers &&
        (failed(checkPlace(op, now(*numbers), 4)) || failed(checkRead(op, now(*numbers), written))))
      return failure();
  if (overlap(a, c) || overlap(b, c))
    return op.emitOpError("writes ") << c << " over one of its factors";
  return success();
}

LogicalResult CommandChecker::checkMatmul(MatmulOp op, WrittenBytes &written) {
  if (failed(checkMatmulPlaces(op, written)))
    return failure();
  // With offsets, all groups share the rows of one matrix.
  auto groups = static_cast<int64_t>(op.getGroups());
  bool cut = op.getOffsets().has_value();
  auto reach = [&](bool together, int64_t rows, int64_t columns, int64_t stride, int64_t step,
                   Type element) {
    return ((together ? 0 : groups - 1) * step + (rows - 1) * stride + columns) *
           static_cast<int64_t>(element.getIntOrFloatBitWidth() / 8);
  };
  int64_t m = op.getM(), n = op.getN(), k = op.getK();
  auto [aRows, aColumns] = op.getTransposeA() ? std::make_pair(k, m) : std::make_pair(m, k);
  auto [bRows, bColumns] = op.getTransposeB() ? std::make_pair(n, k) : std::make_pair(k, n);
  bool boundK = op.getRowsBoundK();
  if (reach(cut, aRows, aColumns, op.getLda(), op.getGroupA(), op.getAType()) >
          op.getA().getBytes() ||
      reach(cut && boundK, bRows, bColumns, op.getLdb(), op.getGroupB(), op.getBType()) >
          op.getB().getBytes() ||
      reach(cut && !boundK, m, n, op.getLdc(), op.getGroupC(), op.getCType()) >
          op.getC().getBytes())
    return op.emitOpError("reaches beyond its buffers");
  if (op.getTileM() < 1 || op.getTileN() < 1)
    return op.emitOpError("expected tiles of at least one element");
  written.add(now(op.getC()));
  return success();
}
