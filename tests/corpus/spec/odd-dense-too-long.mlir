// MLIR's parser must refuse or take it: a dense constant from a number wider than its type.
module attributes {odd = dense<0xFFFFFFFFFFFFFFFFFFFF> : tensor<2xf32>} {}
