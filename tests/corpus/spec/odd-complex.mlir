// MLIR's parser must refuse or take it: a complex constant.
module attributes {odd = dense<(1.0,2.0)> : tensor<2xcomplex<f32>>} {}
