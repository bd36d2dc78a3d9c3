// MLIR's parser must refuse or take it: an affine map that divides by zero.
module attributes {odd = affine_map<(d0) -> (d0 floordiv 0)>} {}
