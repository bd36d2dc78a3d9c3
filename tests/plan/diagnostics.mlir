// RUN: hydra-opt %s --split-input-file --verify-diagnostics --hydra-plan

func.func @unfused(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{'hydra.unary' op cannot be planned; run hydra-fusion-pipeline first}}
  %y = hydra.unary <exp> %x : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @one(%x: tensor<4xf32> {hydra.binding = #hydra.binding<cache "h">}) { return }
// expected-error @below {{expected type 'tensor<4xf32>' for #hydra.binding<cache "h"> as elsewhere in the module, found 'tensor<5xf32>'}}
func.func @two(%x: tensor<5xf32> {hydra.binding = #hydra.binding<cache "h">}) { return }

// -----

func.func @one(%x: tensor<f32> {hydra.binding = #hydra.binding<control "lr">, hydra.initial = 1.0 : f64}) { return }
// expected-error @below {{expected initial value 1.000000e+00 : f64 for #hydra.binding<control "lr">}}
func.func @two(%x: tensor<f32> {hydra.binding = #hydra.binding<control "lr">, hydra.initial = 2.0 : f64}) { return }

// -----

// expected-error @below {{two arguments are bound to #hydra.binding<input "x">}}
func.func @arguments(%x: tensor<4xf32> {hydra.binding = #hydra.binding<input "x">},
                     %y: tensor<4xf32> {hydra.binding = #hydra.binding<input "x">}) { return }

// -----

// expected-error @below {{two results are bound to #hydra.binding<output "y">}}
func.func @results(%x: tensor<4xf32>) -> (tensor<4xf32> {hydra.binding = #hydra.binding<output "y">},
                                          tensor<4xf32> {hydra.binding = #hydra.binding<output "y">}) {
  return %x, %x : tensor<4xf32>, tensor<4xf32>
}

// -----

// expected-error @below {{argument 0 is bound to #hydra.binding<output "y">; expected an input or a state}}
func.func @output_argument(%x: tensor<4xf32> {hydra.binding = #hydra.binding<output "y">}) { return }

// -----

// expected-error @below {{result 0 is bound to #hydra.binding<input "x">; expected an output or a state}}
func.func @input_result(%x: tensor<4xf32>) -> (tensor<4xf32> {hydra.binding = #hydra.binding<input "x">}) {
  return %x : tensor<4xf32>
}

// -----

// expected-error @below {{result 0 has hydra.reduce = "median"; expected "last", "sum", "mean", "max" or "min"}}
func.func @reduction(%x: tensor<f32>)
    -> (tensor<f32> {hydra.binding = #hydra.binding<output "loss">, hydra.reduce = "median"}) {
  return %x : tensor<f32>
}
