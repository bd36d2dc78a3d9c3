// The plan dialect: memory and order. See PlanOps.td for its story.
#ifndef HYDRA_DIALECTS_PLAN_PLANDIALECT_H
#define HYDRA_DIALECTS_PLAN_PLANDIALECT_H

#include "dialects/hydra/HydraDialect.h"

#include "dialects/plan/PlanDialect.h.inc"
#include "dialects/plan/PlanEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/plan/PlanAttributes.h.inc"

#define GET_OP_CLASSES
#include "dialects/plan/PlanOps.h.inc"

#endif // HYDRA_DIALECTS_PLAN_PLANDIALECT_H
