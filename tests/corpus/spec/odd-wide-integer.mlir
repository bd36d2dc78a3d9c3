// MLIR's parser must refuse or take it: an integer wider than any that is allowed.
module attributes {odd = 1 : i16777216} {}
