// MLIR's parser must refuse or take it: a dense array with an element out of its type.
module attributes {odd = array<i32: 99999999999999999999>} {}
