#include "passes/plan/CheckAssignment.h"

#include "passes/plan/InPlace.h"
#include "passes/plan/MatmulPlan.h"
#include "passes/plan/PlanChecks.h"

#include <map>

using namespace mlir;
using namespace mlir::plan;

namespace {

// Which value each byte of memory holds.
class Contents {
public:
  void write(RefAttr place, Value value) {
    auto &ranges = regions[static_cast<size_t>(place.getRegion())];
    int64_t begin = place.getOffset(), end = begin + place.getBytes();
    if (begin == end)
      return;
    splitAt(ranges, begin);
    splitAt(ranges, end);
    ranges.erase(ranges.lower_bound(begin), ranges.lower_bound(end));
    ranges[begin] = {end, value};
  }

  bool holds(RefAttr place, Value value) const {
    const auto &ranges = regions[static_cast<size_t>(place.getRegion())];
    int64_t position = place.getOffset(), end = position + place.getBytes();
    // The place may begin inside of what a value holds.
    auto range = ranges.upper_bound(position);
    if (range != ranges.begin())
      --range;
    for (; position < end; ++range) {
      if (range == ranges.end() || range->first > position || range->second.end <= position ||
          range->second.value != value)
        return false;
      position = range->second.end;
    }
    return true;
  }

  // The value that starts at `place`; null if there is none.
  Value at(RefAttr place) const {
    const auto &ranges = regions[static_cast<size_t>(place.getRegion())];
    auto range = ranges.find(place.getOffset());
    return range == ranges.end() ? Value() : range->second.value;
  }

private:
  struct Range {
    int64_t end;
    Value value;
  };
  using Ranges = std::map<int64_t, Range>;

  static void splitAt(Ranges &ranges, int64_t position) {
    auto range = ranges.upper_bound(position);
    if (range == ranges.begin())
      return;
    --range;
    if (range->first == position || range->second.end <= position)
      return;
    ranges[position] = range->second;
    range->second.end = position;
  }

  Ranges regions[getMaxEnumValForRegion() + 1];
};

bool isConstant(Value root) { return root.getDefiningOp<hydra::ConstantOp>() != nullptr; }

class Checker {
public:
  explicit Checker(const StorageAssignment &assignment) : assignment(assignment) {}

  LogicalResult check(func::FuncOp function) {
    for (BlockArgument argument : function.getArguments())
      contents.write(assignment.placeOf(argument), argument);
    for (Operation *op : assignment.getSteps())
      if (failed(checkStep(op)))
        return failure();
    for (const FinalCopy &copy : assignment.getFinalCopies()) {
      Value value = copy.source ? copy.source : contents.at(copy.staged);
      if (copy.source && failed(checkOperand(function, value)))
        return failure();
      contents.write(copy.target, copy.source ? rootOf(value) : value);
    }
    Operation *terminator = function.getBody().front().getTerminator();
    for (auto [value, target] : llvm::zip(terminator->getOperands(), assignment.getTargets()))
      if (!contents.holds(target, rootOf(value)))
        return lost(function, "returned");
    return success();
  }

private:
  static LogicalResult lost(Operation *op, const char *what) {
    return op->emitOpError("internal error of hydra-plan: a value was overwritten before it is ")
           << what << "; please report the input";
  }

  LogicalResult checkOperand(Operation *op, Value operand) {
    Value root = rootOf(operand);
    RefAttr place = assignment.placeOf(operand);
    Value whole = assignment.joinedIn(root);
    if (isConstant(root) || contents.holds(place, root) || (whole && contents.holds(place, whole)))
      return success();
    return lost(op, "read");
  }

  // What is not in its place is copied there; inputs that are there stay.
  LogicalResult checkConcat(hydra::ConcatRowsOp op) {
    for (auto [index, input] : llvm::enumerate(op.getInputs())) {
      if (failed(checkOperand(op, input)))
        return failure();
      contents.write(assignment.placeInside(op, index), rootOf(input));
    }
    contents.write(assignment.placeOf(op.getResult()), op.getResult());
    return success();
  }

  LogicalResult checkStep(Operation *op) {
    if (auto concat = dyn_cast<hydra::ConcatRowsOp>(op))
      return checkConcat(concat);
    // Written while operands are still being read.
    if (RefAttr partial = assignment.partialOf(op))
      contents.write(partial, Value());
    Value accumulator = accumulatorOf(op);
    if (accumulator) {
      if (failed(checkOperand(op, accumulator)))
        return failure();
      // Copied into the result first.
      contents.write(assignment.placeOf(op->getResult(0)), rootOf(accumulator));
    }
    for (auto [index, operand] : llvm::enumerate(op->getOperands())) {
      if (operand != accumulator && failed(checkOperand(op, operand)))
        return failure();
      for (auto [number, result] : llvm::enumerate(op->getResults()))
        if (overlap(assignment.placeOf(result), assignment.placeOf(operand)) &&
            !mayOverwrite(op, index, number, assignment.getKernels()))
          return lost(op, "read (by the op that overwrites it)");
    }
    for (Value result : op->getResults())
      contents.write(assignment.placeOf(result), result);
    for (Value result : op->getResults())
      if (!contents.holds(assignment.placeOf(result), result))
        return lost(op, "complete (two results share bytes)");
    return success();
  }

  const StorageAssignment &assignment;
  Contents contents;
};

} // namespace

LogicalResult mlir::plan::checkAssignment(func::FuncOp function,
                                          const StorageAssignment &assignment) {
  return Checker(assignment).check(function);
}
