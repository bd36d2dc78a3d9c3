// Generated definitions of the ops of shard 2.
#include "dialects/hydra/HydraOpShards.h"
#include "mlir/IR/DialectImplementation.h"

using namespace mlir;
using namespace mlir::hydra;

#define GET_OP_DEFS_2
#include "dialects/hydra/HydraOps.cpp.inc"
