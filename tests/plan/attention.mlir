// How attention is cut, by shape alone: tiles of rows, blocks of keys, parts of a gradient where there are
// fewer heads than workers.
// RUN: hydra-opt %s --stop-after=plan -o - | FileCheck %s

// CHECK-DAG: plan.kernel @attention_{{.*}} <attention_forward> {{.*}}items = array<i64: 48>, {{.*}}tiling = #plan.attention_tiling<rows = 64, block = 64>
func.func @forward(%q: tensor<1x1024x192xf32>, %k: tensor<1x1024x48xf32>)
    -> (tensor<1x1024x192xf32>, tensor<1x1024x12xf32>) attributes {hydra.entry = #hydra.entry<"forward", 1 x 1024, "">} {
  %y:2 = hydra.attention %q, %k, %k {heads = 12, kv_heads = 3, scale = 0.25 : f64}
      : (tensor<1x1024x192xf32>, tensor<1x1024x48xf32>, tensor<1x1024x48xf32>) -> (tensor<1x1024x192xf32>, tensor<1x1024x12xf32>)
  return %y#0, %y#1 : tensor<1x1024x192xf32>, tensor<1x1024x12xf32>
}

// A part of the last rows is shorter, for they see more keys.
// CHECK-DAG: plan.kernel @attention_grad_{{.*}} <attention_backward> {{.*}}items = array<i64: 18, 16>, {{.*}}tiling = #plan.attention_tiling<rows = 64, block = 64, parts = [0, 7, 9, 11, 13, 15, 16]>
func.func @backward(%q: tensor<1x1024x192xf32>, %k: tensor<1x1024x48xf32>, %l: tensor<1x1024x12xf32>)
    -> (tensor<1x1024x192xf32>, tensor<1x1024x48xf32>, tensor<1x1024x48xf32>)
    attributes {hydra.entry = #hydra.entry<"backward", 1 x 1024, "">} {
  %d:3 = hydra.attention_grad %q, %q, %k, %k, %q, %l {heads = 12, kv_heads = 3, scale = 0.25 : f64}
      : (tensor<1x1024x192xf32>, tensor<1x1024x192xf32>, tensor<1x1024x48xf32>, tensor<1x1024x48xf32>, tensor<1x1024x192xf32>, tensor<1x1024x12xf32>) -> (tensor<1x1024x192xf32>, tensor<1x1024x48xf32>, tensor<1x1024x48xf32>)
  return %d#0, %d#1, %d#2 : tensor<1x1024x192xf32>, tensor<1x1024x48xf32>, tensor<1x1024x48xf32>
}
