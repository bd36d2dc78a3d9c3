// RUN: hydra-opt %s --split-input-file --verify-diagnostics --pass-pipeline='builtin.module(func.func(hydra-verify-fused))'

func.func @good(%x: tensor<4xf32>) -> tensor<2x2xf32> {
  %y = hydra.reshape %x {shape = array<i64: 2, 2>} : (tensor<4xf32>) -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// -----

func.func @primitive(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{'hydra.unary' op is outside of a fusion; hydra-form-fusions wraps it}}
  %y = hydra.unary <exp> %x : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @convolution(%x: tensor<1x4x2xf32>, %f: tensor<3x2x2xf32>) -> tensor<1x4x3xf32> {
  // expected-error @below {{'hydra.causal_conv' op has no kernel of its own; hydra-decompose-causal-conv turns it into a matmul}}
  %y = hydra.causal_conv %x, %f : (tensor<1x4x2xf32>, tensor<3x2x2xf32>) -> tensor<1x4x3xf32>
  return %y : tensor<1x4x3xf32>
}

// -----

func.func @table() -> tensor<2x2xf32> {
  // expected-error @below {{'hydra.rope_table' op is known at compile time; hydra-fold-constants evaluates it}}
  %t = hydra.rope_table {positions = 2 : i64, head_dim = 2 : i64, theta = 10000.0 : f64} : () -> tensor<2x2xf32>
  return %t : tensor<2x2xf32>
}

// -----

func.func @structure(%x: tensor<?x?x4xf32>) -> tensor<?x?x4xf32> {
  // expected-error @below {{'hydra.norm' op belongs to the model tier and must be gone before the plan}}
  %y = hydra.norm %x "norm" : tensor<?x?x4xf32>
  // expected-error @below {{'func.return' op has operands or results that are not tensors of static shape}}
  return %y : tensor<?x?x4xf32>
}

// -----

func.func @foreign(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{'arith.addf' op is not an op that the plan knows}}
  %y = arith.addf %x, %x : tensor<4xf32>
  return %y : tensor<4xf32>
}
