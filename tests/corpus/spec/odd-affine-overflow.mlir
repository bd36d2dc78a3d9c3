// MLIR's parser must refuse or take it: an affine map whose products leave 64 bits.
module attributes {odd = affine_map<(d0) -> (9223372036854775807 * d0 * 9223372036854775807)>} {}
