// RUN: hydra-opt %s --split-input-file --verify-diagnostics --hydra-plan

// What does not merge is refused with its reason.
func.func @other_row(%x: tensor<1x8x4xf32>) -> tensor<1x8x4xf32> {
  %0 = hydra.fusion <rows> "by hand"(%x) : (tensor<1x8x4xf32>) -> tensor<1x8x4xf32> {
  ^bb0(%a: tensor<1x8x4xf32>):
    // expected-note @below {{made here}}
    %e = hydra.unary <exp> %a : (tensor<1x8x4xf32>) -> tensor<1x8x4xf32>
    // expected-error @below {{cannot read a value of its own region; ROW_ESCAPE: another row is read}}
    %s = hydra.fold %e {width = 1 : i64} : (tensor<1x8x4xf32>) -> tensor<1x8x4xf32>
    hydra.yield %s : tensor<1x8x4xf32>
  }
  return %0 : tensor<1x8x4xf32>
}

// -----

func.func @widths(%x: tensor<8x4xf32>) -> tensor<8x2xf32> {
  %0 = hydra.fusion <rows> "by hand"(%x) : (tensor<8x4xf32>) -> tensor<8x2xf32> {
  ^bb0(%a: tensor<8x4xf32>):
    // expected-note @below {{of this op}}
    %e = hydra.unary <exp> %a : (tensor<8x4xf32>) -> tensor<8x4xf32>
    // expected-error @below {{does not fit into its region: DOMAIN_MISMATCH of columns, 2 against 4}}
    %s = hydra.swiglu %e : (tensor<8x4xf32>) -> tensor<8x2xf32>
    hydra.yield %s : tensor<8x2xf32>
  }
  return %0 : tensor<8x2xf32>
}

// -----

func.func @heads_and_rows(%x: tensor<8x4xf32>, %w: tensor<4xf32>) -> tensor<8x4xf32> {
  %0 = hydra.fusion <rows> "by hand"(%x, %w) : (tensor<8x4xf32>, tensor<4xf32>) -> tensor<8x4xf32> {
  ^bb0(%a: tensor<8x4xf32>, %b: tensor<4xf32>):
    // expected-error @below {{over whole rows in a region of segments: SEGMENT_MISMATCH}}
    %n = hydra.rms_norm %a, %b {eps = 1.0e-5 : f64} : (tensor<8x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
    %h = hydra.l2_norm %n {heads = 2 : i64, eps = 1.0e-5 : f64} : (tensor<8x4xf32>) -> tensor<8x4xf32>
    hydra.yield %h : tensor<8x4xf32>
  }
  return %0 : tensor<8x4xf32>
}

// -----

func.func @counts(%x: tensor<8x4xf32>, %r: tensor<i32>) -> tensor<8x4xf32> {
  %0 = hydra.fusion <rows> "by hand"(%x, %r) : (tensor<8x4xf32>, tensor<i32>) -> tensor<8x4xf32> {
  ^bb0(%a: tensor<8x4xf32>, %n: tensor<i32>):
    // expected-note @below {{of this op}}
    %e = hydra.unary <exp> %a, %n : (tensor<8x4xf32>, tensor<i32>) -> tensor<8x4xf32>
    // expected-error @below {{does not fit into its region: ROWS_DIFFER}}
    %s = hydra.unary <neg> %e : (tensor<8x4xf32>) -> tensor<8x4xf32>
    hydra.yield %s : tensor<8x4xf32>
  }
  return %0 : tensor<8x4xf32>
}

// -----

func.func @no_body(%x: tensor<5x4xf32>, %i: tensor<5xi32>) -> tensor<3x4xf32> {
  %0 = hydra.fusion <move> "by hand"(%x, %i) : (tensor<5x4xf32>, tensor<5xi32>) -> tensor<3x4xf32> {
  ^bb0(%a: tensor<5x4xf32>, %b: tensor<5xi32>):
    %e = hydra.unary <exp> %a : (tensor<5x4xf32>) -> tensor<5x4xf32>
    // expected-error @below {{has no row body: NO_BODY}}
    %s = hydra.scatter_rows %e, %b {size = 3 : i64, scale = 1.0 : f64} : (tensor<5x4xf32>, tensor<5xi32>) -> tensor<3x4xf32>
    hydra.yield %s : tensor<3x4xf32>
  }
  return %0 : tensor<3x4xf32>
}
