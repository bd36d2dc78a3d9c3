// Attention for targets with blocks of threads: stages of blocks by shape alone, no scratch, and D of every
// query and head between the stages of the gradient.
// RUN: hydra-opt %s --target=sim --stop-after=plan -o - | FileCheck %s

// 1024 rows x 4 heads that share a key head, 64 at a time, 3 key heads.
// CHECK-DAG: plan.kernel @attention_{{[0-9a-f]+}} <attention_forward> {{.*}}items = array<i64: 192>, partial_bytes = 0 : i64, {{.*}}scratch_bytes = 0 : i64
// CHECK-DAG: plan.launch @attention_{{[0-9a-f]+}} stage 0 {{.*}}grid[192, 1, 1] block[128, 1, 1]
func.func @forward(%q: tensor<1x1024x192xf32>, %k: tensor<1x1024x48xf32>)
    -> (tensor<1x1024x192xf32>, tensor<1x1024x12xf32>) attributes {hydra.entry = #hydra.entry<"forward", 1 x 1024, "">} {
  %y:2 = hydra.attention %q, %k, %k {heads = 12, kv_heads = 3, scale = 0.25 : f64}
      : (tensor<1x1024x192xf32>, tensor<1x1024x48xf32>, tensor<1x1024x48xf32>) -> (tensor<1x1024x192xf32>, tensor<1x1024x12xf32>)
  return %y#0, %y#1 : tensor<1x1024x192xf32>, tensor<1x1024x12xf32>
}

// The second stage keeps keys.
// CHECK-DAG: plan.kernel @attention_grad_{{[0-9a-f]+}} <attention_backward> {{.*}}items = array<i64: 192, 48>, partial_bytes = 49152 : i64, {{.*}}scratch_bytes = 0 : i64
func.func @backward(%q: tensor<1x1024x192xf32>, %k: tensor<1x1024x48xf32>, %l: tensor<1x1024x12xf32>)
    -> (tensor<1x1024x192xf32>, tensor<1x1024x48xf32>, tensor<1x1024x48xf32>)
    attributes {hydra.entry = #hydra.entry<"backward", 1 x 1024, "">} {
  %d:3 = hydra.attention_grad %q, %q, %k, %k, %q, %l {heads = 12, kv_heads = 3, scale = 0.25 : f64}
      : (tensor<1x1024x192xf32>, tensor<1x1024x192xf32>, tensor<1x1024x48xf32>, tensor<1x1024x48xf32>, tensor<1x1024x192xf32>, tensor<1x1024x12xf32>) -> (tensor<1x1024x192xf32>, tensor<1x1024x48xf32>, tensor<1x1024x48xf32>)
  return %d#0, %d#1, %d#2 : tensor<1x1024x192xf32>, tensor<1x1024x48xf32>, tensor<1x1024x48xf32>
}
