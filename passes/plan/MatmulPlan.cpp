#include "passes/plan/MatmulPlan.h"

#include <limits>

using namespace mlir;
using namespace mlir::plan;

Tile mlir::plan::chooseTile(const MatmulShape &shape, const hydra::MatmulLibrary &library) {
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
      int64_t tiles = llvm::divideCeil(shape.m, tm) * llvm::divideCeil(shape.n, tn) * shape.groups;
      double cost = static_cast<double>(shape.k) *
                        static_cast<double>(tm * tn + library.packingCost * (tm + tn)) +
                    static_cast<double>(library.callCost);
      double total =
          cost * static_cast<double>(
                     tiles + library.workers *
                                 static_cast<int64_t>(llvm::divideCeil(tiles, library.workers)));
      bool larger = tm * tn > best.m * best.n || (tm * tn == best.m * best.n && tn > best.n);
      if (total < bestTotal || (total == bestTotal && larger)) {
        bestTotal = total;
        best = {tm, tn};
      }
    }
  return best;
}
