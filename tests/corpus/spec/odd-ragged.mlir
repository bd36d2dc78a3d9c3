// MLIR's parser must refuse or take it: a dense constant whose rows differ in length.
module attributes {odd = dense<[[1,2],[3]]> : tensor<2x2xi32>} {}
