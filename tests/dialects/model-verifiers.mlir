// Values of attributes that no model can mean: each is refused where it stands, with what was found.
// RUN: hydra-opt %s --split-input-file --verify-diagnostics

func.func @eps(%x: tensor<?x?x4xf32>) -> tensor<?x?x4xf32> {
  // expected-error@+1 {{expected eps > 0, found 0.000000e+00; the mean square of a row may be zero}}
  %0 = hydra.norm %x "norm" {eps = 0.0} : tensor<?x?x4xf32>
  return %0 : tensor<?x?x4xf32>
}

// -----

func.func @infinite(%x: tensor<?x?x4xf32>) -> tensor<?x?x4xf32> {
  // expected-error@+1 {{expected a finite scale, found INF}}
  %0 = hydra.residual %x, %x {scale = 0x7FF0000000000000 : f64} : tensor<?x?x4xf32>
  return %0 : tensor<?x?x4xf32>
}

// -----

func.func @control(%x: tensor<?x?x4xf32>) -> tensor<?x?x4xf32> {
  // expected-error@+1 {{expected a name without control characters, found "no\00rm"}}
  %0 = hydra.norm %x "no\00rm" : tensor<?x?x4xf32>
  return %0 : tensor<?x?x4xf32>
}

// -----

func.func @control_binding(%x: tensor<4xf32>
    // expected-error@+1 {{expected a name without control characters, found "a\07"}}
    {hydra.binding = #hydra.binding<input "a\07">}) {
  return
}

// -----

// expected-error@+1 {{expected vocab_size >= 1, found -3}}
hydra.model @negative attributes {vocab_size = -3, dim = 4, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x4xf32>
  %1 = hydra.lm_head %0 : tensor<?x?x4xf32> -> tensor<?x?x8xf32>
  hydra.yield %1 : tensor<?x?x8xf32>
}

// -----

hydra.model @logits attributes {vocab_size = 8, dim = 4, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x4xf32>
  // expected-error@+1 {{expected logits of type tensor<?x?x8xf32>, the model's vocab_size, found 'tensor<?x?x4xf32>'}}
  hydra.yield %0 : tensor<?x?x4xf32>
}

// -----

func.func @yields(%x: tensor<?x?x4xf32>) -> tensor<?x?x4xf32> {
  %0 = hydra.blocks %x count 2 as "layers" : tensor<?x?x4xf32> {
  ^bb0(%y: tensor<?x?x4xf32>):
    // expected-error@+1 {{expected one value of type 'tensor<?x?x4xf32>', as hydra.blocks takes, found nothing}}
    hydra.yield
  }
  return %0 : tensor<?x?x4xf32>
}

// -----

func.func @count(%x: tensor<?x?x4xf32>) -> tensor<?x?x4xf32> {
  // expected-error@+1 {{expected count >= 1, found -1}}
  %0 = hydra.blocks %x count -1 as "layers" : tensor<?x?x4xf32> {
  ^bb0(%y: tensor<?x?x4xf32>):
    hydra.yield %y : tensor<?x?x4xf32>
  }
  return %0 : tensor<?x?x4xf32>
}

// -----

func.func @scale(%x: tensor<?x?x4xf32>) -> tensor<?x?x4xf32> {
  // expected-error@+1 {{expected depth_scale_max >= 1, found}}
  %0 = hydra.recursion %x passes 2 {depth_scale_max = 0.5} : tensor<?x?x4xf32> {
  ^bb0(%y: tensor<?x?x4xf32>):
    hydra.yield %y : tensor<?x?x4xf32>
  }
  return %0 : tensor<?x?x4xf32>
}
