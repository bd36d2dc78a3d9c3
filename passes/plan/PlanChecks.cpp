#include "passes/plan/PlanChecks.h"

#include "passes/plan/RegionLayout.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::plan;

bool mlir::plan::overlap(RefAttr a, RefAttr b) {
  return a.getRegion() == b.getRegion() && a.getOffset() < b.getOffset() + b.getBytes() &&
         b.getOffset() < a.getOffset() + a.getBytes();
}

void WrittenBytes::add(RefAttr place) {
  int64_t begin = place.getOffset(), end = begin + place.getBytes();
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

bool WrittenBytes::contains(RefAttr place) const {
  auto range = ranges.upper_bound(place.getOffset());
  return range != ranges.begin() &&
         std::prev(range)->second >= place.getOffset() + place.getBytes();
}

LogicalResult CommandChecker::checkPlace(Operation *op, RefAttr place, int64_t element) const {
  int64_t size = regionBytes[static_cast<size_t>(place.getRegion())];
  if (place.getRegion() == Region::scratch)
    return op->emitOpError("names scratch, which belongs to workers: ") << place;
  if (place.getOffset() < 0 || place.getBytes() < 0 || place.getOffset() + place.getBytes() > size)
    return op->emitOpError("expected a place inside region ")
           << stringifyRegion(place.getRegion()) << " of " << size << " bytes, found " << place;
  if (place.getOffset() % element != 0)
    return op->emitOpError("expected an offset that is a multiple of ")
           << element << " bytes, found " << place;
  return success();
}

LogicalResult CommandChecker::checkRead(Operation *op, RefAttr place,
                                        const WrittenBytes &written) const {
  if (place.getRegion() == Region::arena && !written.contains(place))
    return op->emitOpError("reads arena bytes that no earlier command of the entry wrote: ")
           << place;
  return success();
}

LogicalResult CommandChecker::checkEntry(EntryOp entry) {
  WrittenBytes written;
  return checkBlock(entry.getBody().front(), written);
}

LogicalResult CommandChecker::checkBlock(Block &block, WrittenBytes &written) {
  for (Operation &op : block) {
    if (isa<BufferOp, DeadOp>(op) && isa<EntryOp>(block.getParentOp()))
      continue;
    ++numCommands;
    LogicalResult result =
        llvm::TypeSwitch<Operation *, LogicalResult>(&op)
            .Case([&](LaunchOp launch) { return checkLaunch(launch, written); })
            .Case([&](MatmulOp matmul) { return checkMatmul(matmul, written); })
            .Case([&](CopyOp copy) -> LogicalResult {
              RefAttr source = copy.getSource(), target = copy.getTarget();
              if (failed(checkPlace(copy, source, 1)) || failed(checkPlace(copy, target, 1)) ||
                  failed(checkRead(copy, source, written)))
                return failure();
              if (source.getBytes() != target.getBytes() || overlap(source, target))
                return copy.emitOpError("expected two places of one size that do not overlap");
              written.add(target);
              return success();
            })
            .Case([&](FillOp fill) -> LogicalResult {
              if (failed(checkPlace(fill, fill.getTarget(), 4)))
                return failure();
              if (fill.getTarget().getBytes() % 4 != 0)
                return fill.emitOpError("expected a target of whole 4-byte words, found ")
                       << fill.getTarget();
              written.add(fill.getTarget());
              return success();
            })
            .Case([&](CollectiveOp collective) {
              return checkPlace(collective, collective.getBuffer(),
                                collective.getType().getIntOrFloatBitWidth() / 8);
            })
            .Case([&](SwitchOp branch) -> LogicalResult {
              if (failed(checkPlace(branch, branch.getSelector(), 4)) ||
                  failed(checkRead(branch, branch.getSelector(), written)))
                return failure();
              // A later command may rely on what every case writes only; that is not tracked.
              for (mlir::Region &body : branch.getCases()) {
                WrittenBytes inCase = written;
                if (!body.empty() && failed(checkBlock(body.front(), inCase)))
                  return failure();
              }
              return success();
            })
            .Case([&](CaptureOp capture) { return checkBlock(capture.getBody().front(), written); })
            .Case([&](RepeatOp repeat) { return checkBlock(repeat.getBody().front(), written); })
            .Default([](Operation *other) {
              return other->emitOpError("is not a command; entries hold commands only");
            });
    if (failed(result))
      return failure();
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
  int64_t stage = op.getStage();
  if (stage < 0 || stage >= static_cast<int64_t>(kernel.getItems().size()))
    return op.emitOpError("expected a stage below ")
           << kernel.getItems().size() << ", found " << stage;
  if (op.getItems() != static_cast<uint64_t>(kernel.getItems()[stage]) ||
      op.getGrain() != static_cast<uint64_t>(kernel.getGrain()[stage]))
    return op.emitOpError("expected the kernel's ")
           << kernel.getItems()[stage] << " items in grains of " << kernel.getGrain()[stage];

  SmallVector<RefAttr> places(op.getArgs().getAsRange<RefAttr>());
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
    if (place.getBytes() != bytes)
      return op.emitOpError("expected ")
             << bytes << " bytes for argument " << index << ", found " << place;
    if (index < inputs && failed(checkRead(op, place, written)))
      return failure();
  }
  for (size_t output = inputs; output < places.size(); ++output)
    for (size_t other = 0; other < places.size(); ++other) {
      bool inPlace = other < inputs && places[other] == places[output];
      if (other != output && !inPlace && overlap(places[output], places[other]))
        return op.emitOpError("argument ")
               << output << " is written at " << places[output] << " and overlaps argument "
               << other << " at " << places[other];
    }
  for (size_t output = inputs; output < places.size(); ++output)
    written.add(places[output]);
  return success();
}

LogicalResult CommandChecker::checkMatmul(MatmulOp op, WrittenBytes &written) {
  auto elementBytes = [](Type type) {
    return static_cast<int64_t>(type.getIntOrFloatBitWidth() / 8);
  };
  int64_t aElement = elementBytes(op.getAType()), bElement = elementBytes(op.getBType()),
          cElement = elementBytes(op.getCType());
  if (failed(checkPlace(op, op.getA(), aElement)) || failed(checkPlace(op, op.getB(), bElement)) ||
      failed(checkPlace(op, op.getC(), cElement)))
    return failure();
  if (failed(checkRead(op, op.getA(), written)) || failed(checkRead(op, op.getB(), written)) ||
      (op.getAccumulate() && failed(checkRead(op, op.getC(), written))))
    return failure();
  if (op.getRows() &&
      (failed(checkPlace(op, *op.getRows(), 4)) || failed(checkRead(op, *op.getRows(), written))))
    return failure();
  if (overlap(op.getA(), op.getC()) || overlap(op.getB(), op.getC()))
    return op.emitOpError("writes ") << op.getC() << " over one of its factors";

  auto reach = [&](int64_t rows, int64_t columns, int64_t stride, int64_t step, int64_t element) {
    return ((static_cast<int64_t>(op.getGroups()) - 1) * step + (rows - 1) * stride + columns) *
           element;
  };
  int64_t m = op.getM(), n = op.getN(), k = op.getK();
  auto [aRows, aColumns] = op.getTransposeA() ? std::make_pair(k, m) : std::make_pair(m, k);
  auto [bRows, bColumns] = op.getTransposeB() ? std::make_pair(n, k) : std::make_pair(k, n);
  if (reach(aRows, aColumns, op.getLda(), op.getGroupA(), aElement) > op.getA().getBytes() ||
      reach(bRows, bColumns, op.getLdb(), op.getGroupB(), bElement) > op.getB().getBytes() ||
      reach(m, n, op.getLdc(), op.getGroupC(), cElement) > op.getC().getBytes())
    return op.emitOpError("reaches beyond its buffers");
  if (op.getTileM() < 1 || op.getTileN() < 1)
    return op.emitOpError("expected tiles of at least one element");
  written.add(op.getC());
  return success();
}
