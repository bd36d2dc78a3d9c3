// The tiles of products that the matmul library of the cpu target computes.
#ifndef HYDRA_PASSES_PLAN_MATMULPLAN_H
#define HYDRA_PASSES_PLAN_MATMULPLAN_H

#include "dialects/plan/MatmulShape.h"
#include "dialects/target/CpuFacts.h"

namespace mlir::plan {

struct Tile {
  int64_t m = 0, n = 0;
};

// The tile of C that one work item computes, from the shape alone: never from a number of threads,
// so that the bits of a result do not depend on it. Minimises an estimate for 1 and for W workers:
//
//     cost(tile) = k (tm tn + packing (tm + tn)) + call        multiply-adds of one tile
//     total      = tiles cost + W ceil(tiles / W) cost
//
// because the library packs both panels of a tile before it multiplies. If a number on the device
// bounds the rows of C, tiles beyond it are not computed and the one that it cuts is: the estimate
// is then the mean over 1, 2, ... rows of tiles, all equally likely, and tiles are lower. Costs, W
// and the sides that are tried are the library's (dialects/target); all of m or n is always among
// them. Among equals the larger tile, then the wider one wins.
Tile chooseTile(const MatmulShape &shape, const hydra::MatmulLibrary &library,
                bool rowsBounded = false);

} // namespace mlir::plan

#endif // HYDRA_PASSES_PLAN_MATMULPLAN_H
