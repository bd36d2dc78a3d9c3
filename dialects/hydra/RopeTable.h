// The table of rotary angles, shared by the interpreter and the planner, which stores it as a
// constant.
#ifndef HYDRA_DIALECTS_HYDRA_ROPETABLE_H
#define HYDRA_DIALECTS_HYDRA_ROPETABLE_H

#include <cstdint>
#include <vector>

namespace mlir::hydra {

/// Row t of the result [positions, headDim] holds cos a_0, sin a_0, cos a_1, sin a_1, ... with
/// a_i = t * theta^(-2i / headDim). Frequencies, angles, cosines and sines are rounded to float32,
/// each computed in float64 from rounded inputs (model.md 3), so that the table does not depend on
/// the quality of a float32 math library. Requires positions >= 0, an even headDim > 0 and theta >
/// 0.
std::vector<float> ropeTable(int64_t positions, int64_t headDim, double theta);

} // namespace mlir::hydra

#endif // HYDRA_DIALECTS_HYDRA_ROPETABLE_H
