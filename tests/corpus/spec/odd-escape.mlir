// MLIR's parser must refuse or take it: a string with odd escapes.
module attributes {odd = "\ZZ"} {}
