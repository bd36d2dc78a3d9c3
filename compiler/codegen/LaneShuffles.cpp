#include "compiler/codegen/LaneShuffles.h"

using namespace mlir;
using namespace mlir::hydra;

// Lane masks that pick from `width` vectors of consecutive elements those of an interleaved one.
// Output vector `part` holds elements part*16 .. part*16+15 of (channel, m) pairs, m fastest.
Value hydra::interleaveLanes(KernelEmitter &e, ArrayRef<Value> vectors, int64_t part) {
  auto width = static_cast<int64_t>(vectors.size());
  Value result = vectors[0];
  for (int64_t m = 0; m < width; ++m) {
    SmallVector<int64_t> mask;
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      int64_t element = part * kLanes + lane;
      // The first round places every lane; later ones replace those of their m.
      bool mine = m == 0 || element % width == m;
      mask.push_back(mine ? kLanes + element / width : lane);
    }
    result = e.shuffle(result, vectors[m], mask);
  }
  return result;
}

Value hydra::deinterleaveLanes(KernelEmitter &e, ArrayRef<Value> vectors, int64_t phase) {
  auto width = static_cast<int64_t>(vectors.size());
  Value result = vectors[0];
  for (int64_t part = 0; part < width; ++part) {
    SmallVector<int64_t> mask;
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      int64_t element = lane * width + phase;
      mask.push_back(element / kLanes == part ? kLanes + element % kLanes : lane);
    }
    result = e.shuffle(result, vectors[part], mask);
  }
  return result;
}
