module attributes {odd = sparse<[[0,0],[9,9]], [1.0, 2.0]> : tensor<1x1xf32>} {}
