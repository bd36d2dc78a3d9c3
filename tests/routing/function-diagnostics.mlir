// Structural ops in functions that cannot be lowered.
// RUN: hydra-opt %s --hydra-lower-model --split-input-file --verify-diagnostics

func.func @dynamic(%x: tensor<?x?x4xf32>) -> tensor<?x?x4xf32> {
  // expected-error@+1 {{expected operands of static shape to lower hydra.norm, found 'tensor<?x?x4xf32>'}}
  %0 = hydra.norm %x "norm" : tensor<?x?x4xf32>
  return %0 : tensor<?x?x4xf32>
}

// -----

func.func @half(%x: tensor<1x2x4xbf16>) -> tensor<1x2x4xbf16> {
  // expected-error@+1 {{expected float32 operands before the precision stage, found 'tensor<1x2x4xbf16>'}}
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
