// MLIR's parser must refuse or take it: a float literal wider than its type.
module attributes {odd = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF : f80} {}
