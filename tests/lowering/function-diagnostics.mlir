// Structural ops in functions that cannot be lowered.
// RUN: hydra-opt %s --hydra-lower-model --split-input-file --verify-diagnostics

func.func @dynamic(%x: tensor<?x?x4xf32>) -> tensor<?x?x4xf32> {
  // expected-error@+1 {{expected operands of static shape to lower hydra.norm, found 'tensor<?x?x4xf32>'}}
  %0 = hydra.norm %x "norm" : tensor<?x?x4xf32>
  return %0 : tensor<?x?x4xf32>
}

// -----

func.func @half(%x: tensor<1x2x4xbf16>) -> tensor<1x2x4xbf16> {
  // expected-error@+1 {{expected a float32 stream before the precision stage, found 'tensor<1x2x4xbf16>'}}
  %0 = hydra.norm %x "norm" : tensor<1x2x4xbf16>
  return %0 : tensor<1x2x4xbf16>
}

// -----

func.func @twice(%x: tensor<1x2x4xf32>) -> tensor<1x2x4xf32> {
  %0 = hydra.norm %x "norm" : tensor<1x2x4xf32>
  // expected-error@+1 {{two ops claim the parameter 'norm.weight'; give one of them another name}}
  %1 = hydra.norm %0 "norm" : tensor<1x2x4xf32>
  return %1 : tensor<1x2x4xf32>
}

// -----

func.func @head(%x: tensor<1x2x4xf32>) -> tensor<1x2x8xf32> {
  // expected-error@+1 {{expected to stand inside hydra.model, which says the vocabulary size}}
  %0 = hydra.lm_head %x : tensor<1x2x4xf32> -> tensor<1x2x8xf32>
  return %0 : tensor<1x2x8xf32>
}

// -----

func.func @endless(%x: tensor<1x2x4xf32>) -> tensor<1x2x4xf32> {
  // expected-error@+1 {{expected count <= 512, found 1000000000000}}
  %0 = hydra.blocks %x count 1000000000000 as "layers" : tensor<1x2x4xf32> {
  ^bb0(%y: tensor<1x2x4xf32>):
    hydra.yield %y : tensor<1x2x4xf32>
  }
  return %0 : tensor<1x2x4xf32>
}

// -----

func.func @wide(%x: tensor<1x2x4xf32>) -> tensor<1x2x4xf32> {
  // expected-error@+1 {{expected hidden <= 2147483648, found 9223372036854775807}}
  %0 = hydra.mlp %x {hidden = 9223372036854775807} : tensor<1x2x4xf32>
  return %0 : tensor<1x2x4xf32>
}
