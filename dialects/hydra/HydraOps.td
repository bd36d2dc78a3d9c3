// All ops of the hydra dialect.
#ifndef HYDRA_OPS_TD
#define HYDRA_OPS_TD

include "dialects/hydra/HydraModelOps.td"
include "dialects/hydra/HydraOpenOps.td"
include "dialects/hydra/HydraElementwiseOps.td"
include "dialects/hydra/HydraMatmulOps.td"
include "dialects/hydra/HydraRowOps.td"
include "dialects/hydra/HydraSequenceOps.td"
include "dialects/hydra/HydraMoveOps.td"
include "dialects/hydra/HydraRoutingOps.td"
include "dialects/hydra/HydraLossOps.td"
include "dialects/hydra/HydraSamplingOps.td"
include "dialects/hydra/HydraFusedOps.td"

#endif // HYDRA_OPS_TD
