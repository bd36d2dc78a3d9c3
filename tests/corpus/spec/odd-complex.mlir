module attributes {odd = dense<(1.0,2.0)> : tensor<2xcomplex<f32>>} {}
