module attributes {odd = dense_resource<gone> : tensor<4xf32>} {}
