// The bfloat16 reference kernels on AMX tiles: the structure of the float32 ones, with products of
// tiles of 16 rows. Weights and slopes are rounded to bfloat16 where a tile reads them; sums are
// float32.
#include <cstring>
#include <vector>

#include "bench/attention/reference_lanes.h"

namespace hydra::bench {
namespace {

// Shapes of the tile registers: 0-3 results; 4, 5 factors of depth 16; 6, 7 of depth 32.
struct alignas(64) TileShapes {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 32, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 8, 16, 16};
};

constexpr int64_t kPairs = kLanes / 2;  // of bfloat16 values, in 32 bits

inline float ToFloat(uint16_t x) {
  const uint32_t bits = static_cast<uint32_t>(x) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

// [a0 b0 a1 b1 ...] as bfloat16.
HYDRA_INLINE __m512i Interleave(Vector a, Vector b) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24,
                                         8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(b, a));
}

// Degree 4: what is rounded to 8 bits needs no more.
HYDRA_INLINE Vector Exp2Short(Vector x) {
  const Vector round = _mm512_set1_ps(12582912.0f);
  x = _mm512_max_ps(_mm512_set1_ps(-127.0f), x);
  const Vector shifted = _mm512_add_ps(x, round);
  const Vector rest = _mm512_sub_ps(x, _mm512_sub_ps(shifted, round));
  Vector p = _mm512_set1_ps(9.570101e-3f);
  for (float coefficient : {5.5917705e-2f, 2.4022118e-1f, 6.9312102e-1f, 1.0f}) {
    p = _mm512_fmadd_ps(p, rest, _mm512_set1_ps(coefficient));
  }
  const __m512i exponent = _mm512_slli_epi32(_mm512_castps_si512(shifted), 23);
  return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p), exponent));
}

// The 64 rows of `a` (32 bytes each) times 8 rows of pairs.
HYDRA_INLINE void BlockTimes16(const uint16_t* a, const void* b, float* out) {
  _tile_loadd(5, b, 64);
  for (int64_t j = 0; j < 4; ++j) {
    _tile_zero(0);
    _tile_loadd(4, a + j * 256, 32);
    _tile_dpbf16ps(0, 4, 5);
    _tile_stored(0, out + j * 256, 64);
  }
}
HYDRA_INLINE void AddBlockTimes16(const uint16_t* a, const void* b, float* out) {
  _tile_loadd(5, b, 64);
  for (int64_t j = 0; j < 4; ++j) {
    _tile_loadd(0, out + j * 256, 64);
    _tile_loadd(4, a + j * 256, 32);
    _tile_dpbf16ps(0, 4, 5);
    _tile_stored(0, out + j * 256, 64);
  }
}
// out[d][lane] += the 64 columns of a[d] times 32 rows of pairs.
HYDRA_INLINE void TransposedTimes64(const uint16_t* a, const void* b, float* out) {
  _tile_loadd(0, out, 64);
  for (int64_t half = 0; half < 2; ++half) {
    _tile_loadd(6, a + half * 32, 128);
    _tile_loadd(7, static_cast<const char*>(b) + half * 1024, 64);
    _tile_dpbf16ps(0, 6, 7);
  }
  _tile_stored(0, out, 64);
}

void PackRows16(const uint16_t* from, int64_t stride, int64_t rows, uint16_t* to) {
  for (int64_t j = 0; j < kBlock; ++j) {
    if (j < rows) {
      std::memcpy(to + j * 16, from + j * stride, 32);
    } else {
      std::memset(to + j * 16, 0, 32);
    }
  }
}
void PackColumns16(const uint16_t* rows, uint16_t* to) {
  for (int64_t j = 0; j < kBlock; ++j) {
    for (int64_t d = 0; d < kHeadWidth; ++d) to[d * kBlock + j] = rows[j * 16 + d];
  }
}

struct ForwardState {
  alignas(64) uint16_t q[kPairs * 32];
  alignas(64) float y[kHeadWidth * kLanes], sum[kLanes], maximum[kLanes];
};

// Pairs of columns: element (d, lane) of 16 rows at [d / 2][lane][d % 2].
void PackLanes16(const uint16_t* from, const int64_t* starts, int64_t lanes, uint16_t* to) {
  for (int64_t i = 0; i < kLanes; ++i) {
    for (int64_t d = 0; d < kHeadWidth; ++d) {
      to[(d / 2) * 32 + i * 2 + d % 2] = i < lanes ? from[starts[i] + d] : 0;
    }
  }
}

HYDRA_INLINE void Softmax(const LaneGroup& group, int64_t block, Vector scale, ForwardState& state,
                          float* p, uint16_t* weights) {
  if (!group.SeesAll(block)) {
    const __m512i limits = group.Limits(block);
    const Vector lowest = _mm512_set1_ps(-std::numeric_limits<float>::infinity());
    for (int64_t j = 0; j < kBlock; ++j) {
      float* at = p + kLanes * j;
      _mm512_store_ps(at, _mm512_mask_mov_ps(lowest, Sees(limits, j), _mm512_load_ps(at)));
    }
  }
  const Vector lowest = _mm512_set1_ps(-std::numeric_limits<float>::infinity());
  Vector maxima[4] = {lowest, lowest, lowest, lowest};
  for (int64_t j = 0; j < kBlock; j += 4) {
    for (int64_t a = 0; a < 4; ++a) {
      maxima[a] = _mm512_max_ps(maxima[a], _mm512_load_ps(p + kLanes * (j + a)));
    }
  }
  const Vector before = _mm512_load_ps(state.maximum);
  const Vector largest =
      _mm512_max_ps(_mm512_max_ps(maxima[0], maxima[1]), _mm512_max_ps(maxima[2], maxima[3]));
  const Vector maximum = _mm512_max_ps(before, _mm512_mul_ps(scale, largest));
  const Vector factor = Exp2Short(_mm512_sub_ps(before, maximum));
  Vector sum = _mm512_mul_ps(factor, _mm512_load_ps(state.sum));
#pragma GCC unroll 2
  for (int64_t j = 0; j < kBlock; j += 2) {
    const Vector a = Exp2Short(_mm512_fmsub_ps(_mm512_load_ps(p + kLanes * j), scale, maximum));
    const Vector b =
        Exp2Short(_mm512_fmsub_ps(_mm512_load_ps(p + kLanes * (j + 1)), scale, maximum));
    sum = _mm512_add_ps(sum, _mm512_add_ps(a, b));
    _mm512_store_si512(weights + j * 16, Interleave(a, b));
  }
  _mm512_store_ps(state.maximum, maximum);
  _mm512_store_ps(state.sum, sum);
  for (int64_t d = 0; d < kHeadWidth; ++d) {
    float* at = state.y + kLanes * d;
    _mm512_store_ps(at, _mm512_mul_ps(factor, _mm512_load_ps(at)));
  }
}

void ForwardTile(const AttentionSizes& sizes, int64_t b, int64_t kv_head, int64_t first_row,
                 const uint16_t* q, const uint16_t* k, const uint16_t* v, float* y, float* lse) {
  const int64_t rows = std::min(kTileRows, sizes.length - first_row);
  const std::vector<LaneGroup> groups = GroupsOf(sizes, b, kv_head, first_row);
  std::vector<ForwardState> states(groups.size());
  const Vector scale = _mm512_set1_ps(sizes.scale * kLog2E);
  for (size_t g = 0; g < groups.size(); ++g) {
    std::memset(&states[g], 0, sizeof(ForwardState));
    PackLanes16(q, groups[g].query, kLanes, states[g].q);
    std::fill_n(states[g].maximum, kLanes, -std::numeric_limits<float>::infinity());
  }
  alignas(64) uint16_t keys[kBlock * 16], values[kBlock * 16], columns[16 * kBlock];
  alignas(64) uint16_t weights[kBlock * kLanes];
  alignas(64) float p[kBlock * kLanes];
  const int64_t stride = sizes.kv_heads * kHeadWidth;
  for (int64_t block = 0; block < first_row + rows; block += kBlock) {
    const int64_t at = sizes.Key(b, block, kv_head);
    PackRows16(k + at, stride, sizes.length - block, keys);
    PackRows16(v + at, stride, sizes.length - block, values);
    PackColumns16(values, columns);
    for (size_t g = 0; g < groups.size(); ++g) {
      if (groups[g].SeesNone(block)) continue;
      BlockTimes16(keys, states[g].q, p);
      Softmax(groups[g], block, scale, states[g], p, weights);
      TransposedTimes64(columns, weights, states[g].y);
    }
  }
  for (size_t g = 0; g < groups.size(); ++g) WriteResults(groups[g], states[g], y, lse);
}

struct BackwardState {
  alignas(64) uint16_t q[kPairs * 32], dy[kPairs * 32];            // pairs of columns
  alignas(64) uint16_t q_rows[kPairs * 32], dy_rows[kPairs * 32];  // pairs of lanes
  alignas(64) float dq[kHeadWidth * kLanes], lse[kLanes], inner[kLanes];
};

// Pairs of lanes: element (lane, d) at [lane / 2][d][lane % 2]; zeros for lanes without a query.
void PackRowPairs16(const uint16_t* from, const int64_t* starts, int64_t lanes, uint16_t* to) {
  for (int64_t i = 0; i < kLanes; ++i) {
    for (int64_t d = 0; d < kHeadWidth; ++d) {
      to[(i / 2) * 32 + d * 2 + i % 2] = i < lanes ? from[starts[i] + d] : 0;
    }
  }
}

// `p` and `ds` become rows of weights and slopes, and pairs of keys of slopes.
HYDRA_INLINE void SoftmaxGradient(const LaneGroup& group, int64_t block, Vector scale,
                                  const BackwardState& state, const float* p, const float* ds,
                                  uint16_t* p_rows, uint16_t* ds_rows, uint16_t* ds_pairs) {
  const Vector lse = _mm512_load_ps(state.lse), inner = _mm512_load_ps(state.inner);
  const bool all = group.SeesAll(block);
  const __m512i limits = group.Limits(block);
#pragma GCC unroll 2
  for (int64_t j = 0; j < kBlock; j += 2) {
    Vector weights[2], slopes[2];
    for (int64_t i = 0; i < 2; ++i) {
      const __mmask16 seen = all ? __mmask16(0xffff) : Sees(limits, j + i);
      weights[i] = _mm512_maskz_mov_ps(
          seen, Exp2Short(_mm512_fmsub_ps(_mm512_load_ps(p + kLanes * (j + i)), scale, lse)));
      slopes[i] = _mm512_maskz_mul_ps(seen, weights[i],
                                      _mm512_sub_ps(_mm512_load_ps(ds + kLanes * (j + i)), inner));
    }
    _mm512_store_si512(p_rows + j * 16, (__m512i)_mm512_cvtne2ps_pbh(weights[1], weights[0]));
    const __m512i rows = (__m512i)_mm512_cvtne2ps_pbh(slopes[1], slopes[0]);
    _mm512_store_si512(ds_rows + j * 16, rows);
    const __m512i order =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                         21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    _mm512_store_si512(ds_pairs + j * 16, _mm512_permutexvar_epi16(order, rows));
  }
}

void BackwardTile(const AttentionSizes& sizes, int64_t b, int64_t kv_head, int64_t first_row,
                  const uint16_t* dy, const uint16_t* q, const uint16_t* k, const uint16_t* v,
                  const float* y, const float* lse, const Gradients& gradients) {
  const int64_t rows = std::min(kTileRows, sizes.length - first_row);
  const std::vector<LaneGroup> groups = GroupsOf(sizes, b, kv_head, first_row);
  std::vector<BackwardState> states(groups.size());
  for (size_t g = 0; g < groups.size(); ++g) {
    BackwardState& state = states[g];
    std::memset(&state, 0, sizeof(BackwardState));
    PackLanes16(q, groups[g].query, kLanes, state.q);
    PackLanes16(dy, groups[g].query, groups[g].lanes, state.dy);
    PackRowPairs16(q, groups[g].query, groups[g].lanes, state.q_rows);
    PackRowPairs16(dy, groups[g].query, groups[g].lanes, state.dy_rows);
    for (int64_t i = 0; i < groups[g].lanes; ++i) {
      for (int64_t d = 0; d < kHeadWidth; ++d) {
        state.inner[i] += ToFloat(dy[groups[g].query[i] + d]) * y[groups[g].query[i] + d];
      }
    }
    for (int64_t i = 0; i < kLanes; ++i) state.lse[i] = lse[groups[g].lse[i]] * kLog2E;
  }
  alignas(64) uint16_t keys[kBlock * 16], values[kBlock * 16], columns[16 * kBlock];
  alignas(64) uint16_t p_rows[kBlock * 16], ds_rows[kBlock * 16], ds_pairs[kBlock * 16];
  alignas(64) float p[kBlock * kLanes], ds[kBlock * kLanes], dk[kBlock * 16], dv[kBlock * 16];
  const Vector scale = _mm512_set1_ps(sizes.scale), powers = _mm512_set1_ps(sizes.scale * kLog2E);
  const int64_t stride = sizes.kv_heads * kHeadWidth;
  for (int64_t block = 0; block < first_row + rows; block += kBlock) {
    const int64_t at = sizes.Key(b, block, kv_head), present = sizes.length - block;
    PackRows16(k + at, stride, present, keys);
    PackRows16(v + at, stride, present, values);
    PackColumns16(keys, columns);
    PackRows(gradients.dk + at, stride, present, dk);
    PackRows(gradients.dv + at, stride, present, dv);
    for (size_t g = 0; g < groups.size(); ++g) {
      if (groups[g].SeesNone(block)) continue;
      BackwardState& state = states[g];
      BlockTimes16(keys, state.q, p);
      BlockTimes16(values, state.dy, ds);
      SoftmaxGradient(groups[g], block, powers, state, p, ds, p_rows, ds_rows, ds_pairs);
      TransposedTimes64(columns, ds_pairs, state.dq);
      AddBlockTimes16(p_rows, state.dy_rows, dv);
      AddBlockTimes16(ds_rows, state.q_rows, dk);
    }
    UnpackRows(dk, stride, present, gradients.dk + at);
    UnpackRows(dv, stride, present, gradients.dv + at);
  }
  for (size_t g = 0; g < groups.size(); ++g) {
    WriteRows(groups[g], scale, states[g].dq, gradients.dq);
  }
}

}  // namespace

void ForwardBf16(const AttentionSizes& sizes, const uint16_t* q, const uint16_t* k,
                 const uint16_t* v, float* y, float* lse) {
  const TileShapes shapes;
  _tile_loadconfig(&shapes);
  ForEachTile(sizes, [&](int64_t b, int64_t head, int64_t row) {
    ForwardTile(sizes, b, head, row, q, k, v, y, lse);
  });
  _tile_release();
}

void BackwardBf16(const AttentionSizes& sizes, const uint16_t* dy, const uint16_t* q,
                  const uint16_t* k, const uint16_t* v, const float* y, const float* lse,
                  const Gradients& gradients) {
  const TileShapes shapes;
  _tile_loadconfig(&shapes);
  const int64_t keys = sizes.batch * sizes.length * sizes.kv_heads * kHeadWidth;
  std::fill_n(gradients.dk, keys, 0.0f);
  std::fill_n(gradients.dv, keys, 0.0f);
  ForEachTile(sizes, [&](int64_t b, int64_t head, int64_t row) {
    BackwardTile(sizes, b, head, row, dy, q, k, v, y, lse, gradients);
  });
  // dk is scaled once, since q is not.
  for (int64_t i = 0; i < keys; ++i) gradients.dk[i] *= sizes.scale;
  _tile_release();
}

}  // namespace hydra::bench
