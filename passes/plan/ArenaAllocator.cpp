#include "passes/plan/ArenaAllocator.h"

#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <tuple>

using namespace mlir;
using namespace mlir::plan;

namespace {

struct Placed {
  int64_t begin, end;
  int64_t first, last;
};

// The start of the tightest gap for `block` among the placed ones, which are sorted by begin.
int64_t bestFit(ArrayRef<Placed> placed, const LiveBlock &block) {
  int64_t bytes = alignUp(block.bytes);
  int64_t best = -1, bestGap = std::numeric_limits<int64_t>::max();
  int64_t end = 0; // of everything before that is alive together with the block
  for (const Placed &other : placed) {
    if (other.first > block.last || other.last < block.first)
      continue;
    int64_t gap = other.begin - end;
    if (gap >= bytes && gap < bestGap) {
      best = end;
      bestGap = gap;
    }
    end = std::max(end, other.end);
  }
  return best >= 0 ? best : end;
}

ArenaPlan place(ArrayRef<LiveBlock> blocks, ArrayRef<size_t> order) {
  ArenaPlan plan;
  plan.offsets.assign(blocks.size(), 0);
  SmallVector<Placed> placed;
  placed.reserve(blocks.size());
  for (size_t index : order) {
    const LiveBlock &block = blocks[index];
    int64_t begin = bestFit(placed, block), end = begin + alignUp(block.bytes);
    plan.offsets[index] = begin;
    plan.bytes = std::max(plan.bytes, end);
    auto position = llvm::upper_bound(
        placed, begin, [](int64_t value, const Placed &other) { return value < other.begin; });
    placed.insert(position, {begin, end, block.first, block.last});
  }
  return plan;
}

} // namespace

ArenaPlan mlir::plan::planArena(ArrayRef<LiveBlock> blocks) {
  auto steps = [&](size_t i) { return blocks[i].last - blocks[i].first + 1; };
  // Each order ends in the index, so that it is total.
  auto bySize = [&](size_t a, size_t b) {
    return std::make_tuple(-blocks[a].bytes, -steps(a), a) <
           std::make_tuple(-blocks[b].bytes, -steps(b), b);
  };
  auto area = [&](size_t i) {
    return static_cast<double>(blocks[i].bytes) * static_cast<double>(steps(i));
  };
  auto byArea = [&](size_t a, size_t b) {
    return std::make_pair(-area(a), a) < std::make_pair(-area(b), b);
  };
  auto byStart = [&](size_t a, size_t b) {
    return std::make_tuple(blocks[a].first, -blocks[a].bytes, a) <
           std::make_tuple(blocks[b].first, -blocks[b].bytes, b);
  };
  SmallVector<size_t> inOrder(blocks.size());
  std::iota(inOrder.begin(), inOrder.end(), 0);

  ArenaPlan best;
  auto attempt = [&](auto less) {
    SmallVector<size_t> order(inOrder);
    llvm::sort(order, less);
    ArenaPlan plan = place(blocks, order);
    if (best.offsets.size() != blocks.size() || plan.bytes < best.bytes)
      best = std::move(plan);
  };
  attempt(bySize);
  attempt(byArea);
  attempt(byStart);
  return best;
}

int64_t mlir::plan::peakLiveBytes(ArrayRef<LiveBlock> blocks) {
  std::map<int64_t, int64_t> change;
  for (const LiveBlock &block : blocks) {
    change[block.first] += alignUp(block.bytes);
    change[block.last + 1] -= alignUp(block.bytes);
  }
  int64_t live = 0, peak = 0;
  for (auto [step, bytes] : change)
    peak = std::max(peak, live += bytes);
  return peak;
}
