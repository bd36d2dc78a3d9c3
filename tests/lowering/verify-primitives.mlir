// hydra-verify-primitives names what is left, where, and why it may not be.
// RUN: hydra-opt %s --hydra-verify-primitives --split-input-file --verify-diagnostics

func.func @good(%x: tensor<2xf32> {hydra.binding = #hydra.binding<input "x">})
    -> (tensor<2xf32> {hydra.binding = #hydra.binding<output "y">}) {
  %0 = hydra.stop %x : (tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

func.func @left(%x: tensor<1x2x4xf32> {hydra.binding = #hydra.binding<input "x">})
    -> (tensor<1x2x4xf32> {hydra.binding = #hydra.binding<output "y">}) {
  // expected-error@+1 {{'hydra.norm' op is left after routing: it belongs to the model tier}}
  %0 = hydra.norm %x "norm" : tensor<1x2x4xf32>
  return %0 : tensor<1x2x4xf32>
}

// -----

// expected-error@+2 {{argument 0 has no hydra.binding}}
// expected-error@+1 {{result 0 has no hydra.binding}}
func.func @unbound(%x: tensor<2xf32>) -> tensor<2xf32> {
  return %x : tensor<2xf32>
}

// -----

func.func @dynamic(%x: tensor<?x?x4xf32> {hydra.binding = #hydra.binding<input "x">})
    -> (tensor<?x?x4xf32> {hydra.binding = #hydra.binding<output "y">}) {
  // expected-error@+1 {{'hydra.stop' op has a result of dynamic shape after routing}}
  %0 = hydra.stop %x : (tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  return %0 : tensor<?x?x4xf32>
}

// -----

// expected-error@+1 {{'hydra.model' op is left after routing: no entry was made of it}}
hydra.model @m attributes {vocab_size = 8, dim = 4, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x4xf32>
  %1 = hydra.lm_head %0 : tensor<?x?x4xf32> -> tensor<?x?x8xf32>
  hydra.yield %1 : tensor<?x?x8xf32>
}
