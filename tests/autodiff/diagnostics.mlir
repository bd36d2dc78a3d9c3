// What cannot be differentiated is refused where it stands, with the reason.
// RUN: hydra-opt %s --hydra-differentiate --split-input-file --verify-diagnostics

func.func @through_gradient_op(%x: tensor<2x3x4xf32>, %w: tensor<4xf32>) -> tensor<2x3x4xf32> attributes {hydra.vjp} {
  // expected-error@+1 {{'hydra.rms_norm_grad' op is not differentiable (trait NotDifferentiable), but a gradient has to pass it}}
  %0 = hydra.rms_norm_grad %x, %x, %w {eps = 1.0e-6} : (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<4xf32>) -> tensor<2x3x4xf32>
  return %0 : tensor<2x3x4xf32>
}

// -----

func.func @foreign(%x: tensor<2xf32>) -> tensor<2xf32> attributes {hydra.vjp} {
  // expected-error@+1 {{'math.sin' op has no derivative, but a gradient has to pass it to reach an argument; expected straight-line code of hydra primitives}}
  %0 = math.sin %x : tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

func.func @shift_history(%x: tensor<1x3x4xf32>, %h: tensor<1x1x2xf32>) -> tensor<1x3x4xf32> attributes {hydra.vjp} {
  // expected-error@+1 {{'hydra.shift' op has no derivative with respect to its history}}
  %0 = hydra.shift %x history %h {from_channel = 2} : (tensor<1x3x4xf32>, tensor<1x1x2xf32>) -> tensor<1x3x4xf32>
  return %0 : tensor<1x3x4xf32>
}

// -----

func.func @conv_history(%x: tensor<1x3x4xf32>, %f: tensor<4x4x2xf32>, %h: tensor<1x1x4xf32>) -> tensor<1x3x4xf32> attributes {hydra.vjp} {
  // expected-error@+1 {{'hydra.causal_conv' op has no derivative with respect to its history}}
  %0 = hydra.causal_conv %x, %f history %h : (tensor<1x3x4xf32>, tensor<4x4x2xf32>, tensor<1x1x4xf32>) -> tensor<1x3x4xf32>
  return %0 : tensor<1x3x4xf32>
}

// -----

func.func @unfold_history(%x: tensor<1x3x4xf32>, %h: tensor<1x1x4xf32>) -> tensor<1x3x8xf32> attributes {hydra.vjp} {
  // expected-error@+1 {{'hydra.unfold' op has no derivative with respect to its history}}
  %0 = hydra.unfold %x history %h {width = 2} : (tensor<1x3x4xf32>, tensor<1x1x4xf32>) -> tensor<1x3x8xf32>
  return %0 : tensor<1x3x8xf32>
}

// -----

// A history behind hydra.stop is fine.
func.func @stopped_history(%x: tensor<1x3x4xf32>, %h: tensor<1x1x2xf32>) -> tensor<1x3x4xf32> attributes {hydra.vjp} {
  %0 = hydra.stop %h : (tensor<1x1x2xf32>) -> tensor<1x1x2xf32>
  %1 = hydra.shift %x history %0 {from_channel = 2} : (tensor<1x3x4xf32>, tensor<1x1x2xf32>) -> tensor<1x3x4xf32>
  return %1 : tensor<1x3x4xf32>
}

// -----

func.func @rope_table(%x: tensor<1x3x4xf32>, %t: tensor<3x4xf32>) -> tensor<1x3x4xf32> attributes {hydra.vjp} {
  // expected-error@+1 {{'hydra.rope' op has no derivative with respect to its table}}
  %0 = hydra.rope %x, %t : (tensor<1x3x4xf32>, tensor<3x4xf32>) -> tensor<1x3x4xf32>
  return %0 : tensor<1x3x4xf32>
}

// -----

func.func @attention_lse(%q: tensor<1x3x4xf32>) -> tensor<1x3x2xf32> attributes {hydra.vjp} {
  // expected-error@+1 {{'hydra.attention' op has no derivative of its log-sum-exp, but a gradient reaches it}}
  %0, %lse = hydra.attention %q, %q, %q {heads = 2, kv_heads = 2, scale = 1.0} : (tensor<1x3x4xf32>, tensor<1x3x4xf32>, tensor<1x3x4xf32>) -> (tensor<1x3x4xf32>, tensor<1x3x2xf32>)
  return %lse : tensor<1x3x2xf32>
}

// -----

func.func @attention_cache(%q: tensor<1x3x4xf32>, %k: tensor<1x5x4xf32>) -> tensor<1x3x4xf32> attributes {hydra.vjp} {
  // expected-error@+1 {{'hydra.attention' op has a derivative only for a whole sequence, as many queries as keys and neither position nor count; found 3 queries, 5 keys}}
  %0, %lse = hydra.attention %q, %k, %k {heads = 2, kv_heads = 2, scale = 1.0} : (tensor<1x3x4xf32>, tensor<1x5x4xf32>, tensor<1x5x4xf32>) -> (tensor<1x3x4xf32>, tensor<1x3x2xf32>)
  return %0 : tensor<1x3x4xf32>
}

// -----

func.func @loss_lse(%x: tensor<2x4xf32>, %t: tensor<2xi32>) -> tensor<2xf32> attributes {hydra.vjp} {
  // expected-error@+1 {{'hydra.cross_entropy' op has no derivative of its log-sum-exp, but a gradient reaches it}}
  %loss, %token_loss, %lse = hydra.cross_entropy %x, %t : (tensor<2x4xf32>, tensor<2xi32>) -> (tensor<f32>, tensor<2xf32>, tensor<2xf32>)
  return %lse : tensor<2xf32>
}

// -----

// expected-error@+1 {{'func.func' op has two float arguments named 'x', so that output gradient.x would be ambiguous; rename one}}
func.func @same_name(%x: tensor<2xf32> {hydra.binding = #hydra.binding<input "x">},
    %y: tensor<2xf32> {hydra.binding = #hydra.binding<parameter "x">}) -> tensor<2xf32> attributes {hydra.vjp} {
  return %x : tensor<2xf32>
}

// -----

// expected-error@+1 {{'func.func' op cannot be differentiated: expected a body of one block}}
func.func private @declaration(%x: tensor<2xf32>) -> tensor<2xf32> attributes {hydra.vjp}

// -----

hydra.param @w : tensor<3xf32> <constant 1.0 : f32>
// expected-error@+1 {{'func.func' op has no result bound to output "loss.total"}}
func.func @train_1x1(%w: tensor<3xf32> {hydra.binding = #hydra.binding<parameter "w">}) -> tensor<3xf32>
    attributes {hydra.entry = #hydra.entry<"train", 1 x 1, "">} {
  return %w : tensor<3xf32>
}

// -----

hydra.param @w : tensor<3xf32> <constant 1.0 : f32>
// expected-error@+1 {{has output "loss.total" of type 'tensor<3xf32>', expected a scalar of floating point}}
func.func @train_1x1(%w: tensor<3xf32> {hydra.binding = #hydra.binding<parameter "w">})
    -> (tensor<3xf32> {hydra.binding = #hydra.binding<output "loss.total">})
    attributes {hydra.entry = #hydra.entry<"train", 1 x 1, "">} {
  return %w : tensor<3xf32>
}

// -----

// expected-error@+1 {{has parameter 'w', which is not in the module's parameter table; add a hydra.param of this name}}
func.func @train_1x1(%w: tensor<f32> {hydra.binding = #hydra.binding<parameter "w">})
    -> (tensor<f32> {hydra.binding = #hydra.binding<output "loss.total">})
    attributes {hydra.entry = #hydra.entry<"train", 1 x 1, "">} {
  return %w : tensor<f32>
}

// -----

// expected-note@+1 {{as declared here}}
hydra.param @w : tensor<3xf32> <constant 1.0 : f32>
// expected-error@+1 {{has parameter 'w' of type 'tensor<f32>', expected 'tensor<3xf32>'}}
func.func @train_1x1(%w: tensor<f32> {hydra.binding = #hydra.binding<parameter "w">})
    -> (tensor<f32> {hydra.binding = #hydra.binding<output "loss.total">})
    attributes {hydra.entry = #hydra.entry<"train", 1 x 1, "">} {
  return %w : tensor<f32>
}

// -----

hydra.param @w : tensor<bf16> <constant 1.0 : f32>
// expected-error@+1 {{has parameter 'w' of element type 'bf16', expected f32 or f64}}
func.func @train_1x1(%w: tensor<bf16> {hydra.binding = #hydra.binding<parameter "w">})
    -> (tensor<bf16> {hydra.binding = #hydra.binding<output "loss.total">})
    attributes {hydra.entry = #hydra.entry<"train", 1 x 1, "">} {
  return %w : tensor<bf16>
}

// -----

hydra.param @w : tensor<f32> <constant 1.0 : f32>
// expected-error@+1 {{has an output "loss.total" that depends on no parameter through differentiable ops; there is nothing to train}}
func.func @train_1x1(%w: tensor<f32> {hydra.binding = #hydra.binding<parameter "w">})
    -> (tensor<f32> {hydra.binding = #hydra.binding<output "loss.total">})
    attributes {hydra.entry = #hydra.entry<"train", 1 x 1, "">} {
  %0 = hydra.stop %w : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

hydra.param @w : tensor<f32> <constant 1.0 : f32>
// expected-error@+1 {{has control "loss_scale" of type 'tensor<2xf32>', expected the type of "loss.total", 'tensor<f32>'}}
func.func @train_1x1(%w: tensor<f32> {hydra.binding = #hydra.binding<parameter "w">},
    %s: tensor<2xf32> {hydra.binding = #hydra.binding<control "loss_scale">})
    -> (tensor<f32> {hydra.binding = #hydra.binding<output "loss.total">})
    attributes {hydra.entry = #hydra.entry<"train", 1 x 1, "">} {
  return %w : tensor<f32>
}

// -----

hydra.param @w : tensor<f32> <constant 1.0 : f32>
// expected-error@+1 {{'func.func' op takes the name 'apply', which autodiff needs for the optimizer step; rename it}}
func.func private @apply()
func.func @train_1x1(%w: tensor<f32> {hydra.binding = #hydra.binding<parameter "w">})
    -> (tensor<f32> {hydra.binding = #hydra.binding<output "loss.total">})
    attributes {hydra.entry = #hydra.entry<"train", 1 x 1, "">} {
  return %w : tensor<f32>
}

// -----

hydra.param @w : tensor<f32> <constant 1.0 : f32>
// expected-error@+1 {{has elements of 'f64', but parameters before it have 'f32'; a norm over all gradients needs one type}}
hydra.param @u : tensor<f64> <constant 1.0 : f32>
func.func @train_1x1(%w: tensor<f32> {hydra.binding = #hydra.binding<parameter "w">},
    %u: tensor<f64> {hydra.binding = #hydra.binding<parameter "u">})
    -> (tensor<f32> {hydra.binding = #hydra.binding<output "loss.total">})
    attributes {hydra.entry = #hydra.entry<"train", 1 x 1, "">} {
  %0 = hydra.cast %u {element_type = f32} : (tensor<f64>) -> tensor<f32>
  %1 = hydra.binary <add> %w, %0 : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %1 : tensor<f32>
}
