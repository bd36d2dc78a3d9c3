// The ops of the dialect are compiled in shards, so that no translation unit takes long. Private to
// this folder.
#ifndef HYDRA_DIALECTS_HYDRA_HYDRAOPSHARDS_H
#define HYDRA_DIALECTS_HYDRA_HYDRAOPSHARDS_H

#include "dialects/hydra/HydraDialect.h"

namespace mlir::hydra {

// Registers all ops; generated, and defined with shard 0. The others register one shard each.
void registerHydraDialectOperations(HydraDialect *dialect);
void registerHydraDialectOperations0(HydraDialect *dialect);
void registerHydraDialectOperations1(HydraDialect *dialect);
void registerHydraDialectOperations2(HydraDialect *dialect);

} // namespace mlir::hydra

#endif // HYDRA_DIALECTS_HYDRA_HYDRAOPSHARDS_H
