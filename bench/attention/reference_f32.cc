// The float32 reference kernels: online softmax over blocks of 64 keys; the gradient in one pass
// over pairs of blocks, five products each.
#include <cstring>
#include <vector>

#include "bench/attention/reference_lanes.h"

namespace hydra::bench {
namespace {

struct ForwardState {
  alignas(64) float q[kHeadWidth * kLanes], y[kHeadWidth * kLanes], sum[kLanes], maximum[kLanes];
};

// Scores in `p` become weights; `state` is scaled to the new maximum.
HYDRA_INLINE void Softmax(const LaneGroup& group, int64_t block, ForwardState& state, float* p) {
  if (!group.SeesAll(block)) {
    const __m512i limits = group.Limits(block);
    const Vector lowest = _mm512_set1_ps(-std::numeric_limits<float>::infinity());
    for (int64_t j = 0; j < kBlock; ++j) {
      float* at = p + kLanes * j;
      _mm512_store_ps(at, _mm512_mask_mov_ps(lowest, Sees(limits, j), _mm512_load_ps(at)));
    }
  }
  const Vector before = _mm512_load_ps(state.maximum);
  Vector maxima[4] = {before, before, before, before};
  for (int64_t j = 0; j < kBlock; j += 4) {
    for (int64_t a = 0; a < 4; ++a) {
      maxima[a] = _mm512_max_ps(maxima[a], _mm512_load_ps(p + kLanes * (j + a)));
    }
  }
  const Vector maximum =
      _mm512_max_ps(_mm512_max_ps(maxima[0], maxima[1]), _mm512_max_ps(maxima[2], maxima[3]));
  const Vector factor = Exp2(_mm512_sub_ps(before, maximum));
  Vector sum = _mm512_mul_ps(factor, _mm512_load_ps(state.sum));
#pragma GCC unroll 4
  for (int64_t j = 0; j < kBlock; ++j) {
    const Vector weight = Exp2(_mm512_sub_ps(_mm512_load_ps(p + kLanes * j), maximum));
    sum = _mm512_add_ps(sum, weight);
    _mm512_store_ps(p + kLanes * j, weight);
  }
  _mm512_store_ps(state.maximum, maximum);
  _mm512_store_ps(state.sum, sum);
  for (int64_t d = 0; d < kHeadWidth; ++d) {
    float* at = state.y + kLanes * d;
    _mm512_store_ps(at, _mm512_mul_ps(factor, _mm512_load_ps(at)));
  }
}

void ForwardTile(const AttentionSizes& sizes, int64_t b, int64_t kv_head, int64_t first_row,
                 const float* q, const float* k, const float* v, float* y, float* lse) {
  const int64_t rows = std::min(kTileRows, sizes.length - first_row);
  const std::vector<LaneGroup> groups = GroupsOf(sizes, b, kv_head, first_row);
  std::vector<ForwardState> states(groups.size());
  const Vector scale = _mm512_set1_ps(sizes.scale * kLog2E);
  for (size_t g = 0; g < groups.size(); ++g) {
    Vector columns[kLanes];
    for (int64_t i = 0; i < kLanes; ++i) {
      columns[i] = _mm512_mul_ps(scale, _mm512_loadu_ps(q + groups[g].query[i]));
    }
    Transpose(columns);
    std::memset(&states[g], 0, sizeof(ForwardState));
    for (int64_t i = 0; i < kLanes; ++i) _mm512_store_ps(states[g].q + kLanes * i, columns[i]);
    std::fill_n(states[g].maximum, kLanes, -std::numeric_limits<float>::infinity());
  }
  alignas(64) float keys[kBlock * kLanes], values[kBlock * kLanes], p[kBlock * kLanes];
  const int64_t stride = sizes.kv_heads * kHeadWidth;
  for (int64_t block = 0; block < first_row + rows; block += kBlock) {
    const int64_t at = sizes.Key(b, block, kv_head);
    PackRows(k + at, stride, sizes.length - block, keys);
    PackRows(v + at, stride, sizes.length - block, values);
    for (size_t g = 0; g < groups.size(); ++g) {
      if (groups[g].SeesNone(block)) continue;
      BlockTimes<false>(keys, states[g].q, p);
      Softmax(groups[g], block, states[g], p);
      TransposedTimes(values, p, states[g].y);
    }
  }
  for (size_t g = 0; g < groups.size(); ++g) WriteResults(groups[g], states[g], y, lse);
}

struct BackwardState {
  alignas(64) float q[kHeadWidth * kLanes], dy[kHeadWidth * kLanes];  // [column][lane]
  alignas(64) float q_rows[kLanes * kHeadWidth], dy_rows[kLanes * kHeadWidth];
  alignas(64) float dq[kHeadWidth * kLanes], lse[kLanes], inner[kLanes];
};

// Scores in `p` become probabilities, slopes in `ds` the derivatives of the scores.
HYDRA_INLINE void SoftmaxGradient(const LaneGroup& group, int64_t block, const BackwardState& state,
                                  float* p, float* ds) {
  const Vector lse = _mm512_load_ps(state.lse), inner = _mm512_load_ps(state.inner);
  const bool all = group.SeesAll(block);
  const __m512i limits = group.Limits(block);
#pragma GCC unroll 4
  for (int64_t j = 0; j < kBlock; ++j) {
    const __mmask16 seen = all ? __mmask16(0xffff) : Sees(limits, j);
    const Vector weight =
        _mm512_maskz_mov_ps(seen, Exp2(_mm512_sub_ps(_mm512_load_ps(p + kLanes * j), lse)));
    const Vector slope = _mm512_sub_ps(_mm512_load_ps(ds + kLanes * j), inner);
    _mm512_store_ps(p + kLanes * j, weight);
    _mm512_store_ps(ds + kLanes * j, _mm512_maskz_mul_ps(seen, weight, slope));
  }
}

void PrepareBackward(const AttentionSizes& sizes, const LaneGroup& group, const float* dy,
                     const float* q, const float* y, const float* lse, BackwardState& state) {
  std::memset(&state, 0, sizeof(BackwardState));
  const Vector scale = _mm512_set1_ps(sizes.scale), log2e = _mm512_set1_ps(kLog2E);
  Vector queries[kLanes], slopes[kLanes];
  for (int64_t i = 0; i < kLanes; ++i) {
    const int64_t at = group.query[i];
    // Lanes without a query of their own have no slope and so add nothing.
    slopes[i] = i < group.lanes ? _mm512_loadu_ps(dy + at) : _mm512_setzero_ps();
    const Vector scaled = _mm512_mul_ps(scale, _mm512_loadu_ps(q + at));
    queries[i] = _mm512_mul_ps(log2e, scaled);
    _mm512_store_ps(state.q_rows + kHeadWidth * i, scaled);
    _mm512_store_ps(state.dy_rows + kHeadWidth * i, slopes[i]);
    state.inner[i] = _mm512_reduce_add_ps(_mm512_mul_ps(slopes[i], _mm512_loadu_ps(y + at)));
    state.lse[i] = lse[group.lse[i]] * kLog2E;
  }
  Transpose(queries);
  Transpose(slopes);
  for (int64_t d = 0; d < kHeadWidth; ++d) {
    _mm512_store_ps(state.q + kLanes * d, queries[d]);
    _mm512_store_ps(state.dy + kLanes * d, slopes[d]);
  }
}

void BackwardTile(const AttentionSizes& sizes, int64_t b, int64_t kv_head, int64_t first_row,
                  const float* dy, const float* q, const float* k, const float* v, const float* y,
                  const float* lse, const Gradients& gradients) {
  const int64_t rows = std::min(kTileRows, sizes.length - first_row);
  const std::vector<LaneGroup> groups = GroupsOf(sizes, b, kv_head, first_row);
  std::vector<BackwardState> states(groups.size());
  for (size_t g = 0; g < groups.size(); ++g) {
    PrepareBackward(sizes, groups[g], dy, q, y, lse, states[g]);
  }
  alignas(64) float keys[kBlock * kLanes], values[kBlock * kLanes], p[kBlock * kLanes];
  alignas(64) float ds[kBlock * kLanes], dk[kBlock * kLanes], dv[kBlock * kLanes];
  const int64_t stride = sizes.kv_heads * kHeadWidth;
  for (int64_t block = 0; block < first_row + rows; block += kBlock) {
    const int64_t at = sizes.Key(b, block, kv_head), present = sizes.length - block;
    PackRows(k + at, stride, present, keys);
    PackRows(v + at, stride, present, values);
    PackRows(gradients.dk + at, stride, present, dk);
    PackRows(gradients.dv + at, stride, present, dv);
    for (size_t g = 0; g < groups.size(); ++g) {
      if (groups[g].SeesNone(block)) continue;
      BackwardState& state = states[g];
      BlockTimes<false>(keys, state.q, p);
      BlockTimes<false>(values, state.dy, ds);
      SoftmaxGradient(groups[g], block, state, p, ds);
      TransposedTimes(keys, ds, state.dq);
      BlockTimes<true>(p, state.dy_rows, dv);
      BlockTimes<true>(ds, state.q_rows, dk);
    }
    UnpackRows(dk, stride, present, gradients.dk + at);
    UnpackRows(dv, stride, present, gradients.dv + at);
  }
  const Vector scale = _mm512_set1_ps(sizes.scale);
  for (size_t g = 0; g < groups.size(); ++g) {
    WriteRows(groups[g], scale, states[g].dq, gradients.dq);
  }
}

}  // namespace

void ForwardF32(const AttentionSizes& sizes, const float* q, const float* k, const float* v,
                float* y, float* lse) {
  ForEachTile(sizes, [&](int64_t b, int64_t head, int64_t row) {
    ForwardTile(sizes, b, head, row, q, k, v, y, lse);
  });
}

void BackwardF32(const AttentionSizes& sizes, const float* dy, const float* q, const float* k,
                 const float* v, const float* y, const float* lse, const Gradients& gradients) {
  const int64_t keys = sizes.batch * sizes.length * sizes.kv_heads * kHeadWidth;
  std::fill_n(gradients.dk, keys, 0.0f);
  std::fill_n(gradients.dv, keys, 0.0f);
  ForEachTile(sizes, [&](int64_t b, int64_t head, int64_t row) {
    BackwardTile(sizes, b, head, row, dy, q, k, v, y, lse, gradients);
  });
}

}  // namespace hydra::bench
