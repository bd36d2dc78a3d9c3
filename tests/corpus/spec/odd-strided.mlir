// MLIR's parser must refuse or take it: the largest stride, and an unknown offset.
module attributes {odd = strided<[9223372036854775807], offset: ?>} {}
