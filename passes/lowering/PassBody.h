// What the body of a recursion does besides its value: it decides how its passes can be restricted
// to active tokens, and whether two paths can share them.
#ifndef HYDRA_PASSES_LOWERING_PASSBODY_H
#define HYDRA_PASSES_LOWERING_PASSBODY_H

#include "dialects/hydra/HydraDialect.h"

namespace mlir::hydra {

struct PassBody {
  bool selects = false;    // depth routing selects rows by itself
  bool rowwise = true;     // every op works on one token at a time, on values of the body
  bool scores = false;     // depth routing scores tokens
  bool restricted = false; // the result is zero for tokens that take no part
};

// In block `block` of `count`, modes of routing already written.
PassBody inspectBody(RecursionOp op, int64_t block, int64_t count);

// Whether one run of the passes serves both paths of a blend. In a mixture every token makes every
// pass; where depths are chosen, a token's states are those of fixed depth up to its last pass if
// no other token has a say in them. Depth routing that selects ranks a token by the state that it
// stopped at.
bool sharesPasses(RecursionOp op, int64_t block, int64_t count);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_LOWERING_PASSBODY_H
