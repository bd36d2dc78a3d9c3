// MLIR's parser must refuse or take it: a resource that the file does not hold.
module attributes {odd = dense_resource<gone> : tensor<4xf32>} {}
