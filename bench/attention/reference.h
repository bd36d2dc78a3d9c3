// Hand-written causal grouped-query attention for heads of 16 columns: what the generated kernels
// are measured against. One thread, AVX-512; q, y, dy, dq [B, S, heads * 16], k, v, dk, dv [B, S,
// kv_heads * 16], lse [B, S, heads].
#ifndef HYDRA_BENCH_ATTENTION_REFERENCE_H_
#define HYDRA_BENCH_ATTENTION_REFERENCE_H_

#include <cstdint>

namespace hydra::bench {

inline constexpr int64_t kHeadWidth = 16;

struct AttentionSizes {
  int64_t batch, length, heads, kv_heads;
  float scale;

  int64_t group() const { return heads / kv_heads; }
  // The first element of a head's row in q, or in k.
  int64_t Query(int64_t b, int64_t row, int64_t head) const {
    return ((b * length + row) * heads + head) * kHeadWidth;
  }
  int64_t Key(int64_t b, int64_t row, int64_t kv_head) const {
    return ((b * length + row) * kv_heads + kv_head) * kHeadWidth;
  }
};

struct Gradients {
  float *dq, *dk, *dv;
};

void ForwardF32(const AttentionSizes& sizes, const float* q, const float* k, const float* v,
                float* y, float* lse);
void BackwardF32(const AttentionSizes& sizes, const float* dy, const float* q, const float* k,
                 const float* v, const float* y, const float* lse, const Gradients& gradients);

// The same on AMX tiles, operands in bfloat16, results and sums in float32. The process must have
// asked for tiles.
void ForwardBf16(const AttentionSizes& sizes, const uint16_t* q, const uint16_t* k,
                 const uint16_t* v, float* y, float* lse);
void BackwardBf16(const AttentionSizes& sizes, const uint16_t* dy, const uint16_t* q,
                  const uint16_t* k, const uint16_t* v, const float* y, const float* lse,
                  const Gradients& gradients);

// What one core reaches in independent fused multiply-adds of 16 floats, in GFLOP/s, measured now.
double FmaPeak();
// Processor seconds of this thread: what others do on the machine does not count.
double ThreadSeconds();

}  // namespace hydra::bench

#endif  // HYDRA_BENCH_ATTENTION_REFERENCE_H_
