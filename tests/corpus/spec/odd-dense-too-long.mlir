module attributes {odd = dense<0xFFFFFFFFFFFFFFFFFFFF> : tensor<2xf32>} {}
