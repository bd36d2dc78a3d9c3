// MLIR's parser must refuse or take it: a sparse constant with an index outside of its shape.
module attributes {odd = sparse<[[0,0],[9,9]], [1.0, 2.0]> : tensor<1x1xf32>} {}
