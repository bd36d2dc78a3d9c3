#include "passes/plan/MatmulPlan.h"

#include <limits>

using namespace mlir;
using namespace mlir::plan;

namespace {

// Multiply-adds of `tiles` tiles, for 1 worker and for W.
double timeOf(int64_t tiles, double cost, const hydra::MatmulLibrary &library) {
  int64_t turns = llvm::divideCeil(tiles, library.workers);
  return cost * static_cast<double>(tiles + library.workers * turns);
}

} // namespace

Tile mlir::plan::chooseTile(const MatmulShape &shape, const hydra::MatmulLibrary &library,
                            bool rowsBounded) {
  auto candidates = [&](int64_t extent) {
    SmallVector<int64_t> sizes = {extent};
    for (int64_t size : library.tileSides)
      if (size < extent)
        sizes.push_back(size);
    return sizes;
  };
  Tile best;
  double bestTotal = std::numeric_limits<double>::infinity();
  for (int64_t tm : candidates(shape.m))
    for (int64_t tn : candidates(shape.n)) {
      int64_t rowTiles = llvm::divideCeil(shape.m, tm);
      int64_t columnTiles = llvm::divideCeil(shape.n, tn) * shape.groups;
      double cost = static_cast<double>(shape.k) *
                        static_cast<double>(tm * tn + library.packingCost * (tm + tn)) +
                    static_cast<double>(library.callCost);
      double total = 0;
      for (int64_t done = rowsBounded ? 1 : rowTiles; done <= rowTiles; ++done)
        total += timeOf(done * columnTiles, cost, library);
      if (rowsBounded)
        total /= static_cast<double>(rowTiles);
      bool larger = tm * tn > best.m * best.n || (tm * tn == best.m * best.n && tn > best.n);
      if (total < bestTotal || (total == bestTotal && larger)) {
        bestTotal = total;
        best = {tm, tn};
      }
    }
  return best;
}
