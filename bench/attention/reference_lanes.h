// Pieces of the reference kernels. A lane group is 16 queries: lane i holds query row i / group of
// the tile for head i % group, so that heads which share keys share the loads of them. Scores of a
// block of keys stand as [key][lane]; nothing is ever summed across lanes but the weighted rows of
// the gradients of k and v.
#ifndef HYDRA_BENCH_ATTENTION_REFERENCE_LANES_H_
#define HYDRA_BENCH_ATTENTION_REFERENCE_LANES_H_

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "bench/attention/reference.h"

namespace hydra::bench {

inline constexpr int64_t kLanes = 16, kBlock = 64, kTileRows = 64;
// Rows of a register tile.
inline constexpr int64_t kTile = 8;
inline constexpr float kLog2E = 1.4426950408889634f, kLn2 = 0.6931471805599453f;

using Vector = __m512;
#define HYDRA_INLINE inline __attribute__((always_inline))

// 2^x, 0.6 ulp; x above 127 is out of range, below -126 gives 2^-126.
HYDRA_INLINE Vector Exp2(Vector x) {
  const Vector round = _mm512_set1_ps(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
  x = _mm512_max_ps(_mm512_set1_ps(-126.0f), x);
  const Vector shifted = _mm512_add_ps(x, round);
  const Vector rest = _mm512_sub_ps(x, _mm512_sub_ps(shifted, round));
  Vector p = _mm512_set1_ps(1.535336188319500e-4f);
  for (float coefficient : {1.339887440266574e-3f, 9.618437357674640e-3f, 5.550332471162809e-2f,
                            2.402264791363012e-1f, 6.931472028550421e-1f, 1.0f}) {
    p = _mm512_fmadd_ps(p, rest, _mm512_set1_ps(coefficient));
  }
  const __m512i exponent = _mm512_slli_epi32(_mm512_castps_si512(shifted), 23);
  return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p), exponent));
}

// out[r][lane] (+)= the sum over i < kDepth of a[r * row + i * step] * b[i][lane], for kRows rows.
template <int kRows, int kDepth, int kUnroll, bool kAdd>
HYDRA_INLINE void Product(const float* a, int64_t row, int64_t step, const float* b, float* out) {
  Vector sums[kRows];
  for (int r = 0; r < kRows; ++r) {
    sums[r] = kAdd ? _mm512_load_ps(out + kLanes * r) : _mm512_setzero_ps();
  }
#pragma GCC unroll kUnroll
  for (int i = 0; i < kDepth; ++i) {
    const Vector x = _mm512_load_ps(b + kLanes * i);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      sums[r] = _mm512_fmadd_ps(_mm512_set1_ps(a[r * row + i * step]), x, sums[r]);
    }
  }
  for (int r = 0; r < kRows; ++r) _mm512_store_ps(out + kLanes * r, sums[r]);
}
// out[j][:] (+)= a[j][:] b for the rows of a block.
template <bool kAdd>
HYDRA_INLINE void BlockTimes(const float* a, const float* b, float* out) {
  for (int64_t j = 0; j < kBlock; j += kTile) {
    Product<kTile, kLanes, kLanes, kAdd>(a + j * kLanes, kLanes, 1, b, out + j * kLanes);
  }
}
// out += a^T b, a and b being blocks.
HYDRA_INLINE void TransposedTimes(const float* a, const float* b, float* out) {
  Product<kHeadWidth, kBlock, 4, true>(a, 1, kLanes, b, out);
}

// Rows of a block, one behind the other; zeros for rows that do not exist.
inline void PackRows(const float* from, int64_t stride, int64_t rows, float* to) {
  for (int64_t j = 0; j < kBlock; ++j) {
    _mm512_store_ps(to + j * kLanes,
                    j < rows ? _mm512_loadu_ps(from + j * stride) : _mm512_setzero_ps());
  }
}

HYDRA_INLINE void Transpose(Vector (&r)[kLanes]) {
  Vector t[kLanes];
  for (int i = 0; i < 8; ++i) {
    t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
  }
  for (int i = 0; i < 4; ++i) {
    for (int h = 0; h < 2; ++h) {
      const __m512d a = _mm512_castps_pd(t[4 * i + h]), b = _mm512_castps_pd(t[4 * i + 2 + h]);
      r[4 * i + 2 * h] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
      r[4 * i + 2 * h + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
    }
  }
  for (int i = 0; i < 4; ++i) {
    const Vector a = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
    const Vector b = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
    const Vector c = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd);
    const Vector d = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xdd);
    t[i] = _mm512_shuffle_f32x4(a, b, 0x88);
    t[i + 8] = _mm512_shuffle_f32x4(a, b, 0xdd);
    t[i + 4] = _mm512_shuffle_f32x4(c, d, 0x88);
    t[i + 12] = _mm512_shuffle_f32x4(c, d, 0xdd);
  }
  std::copy(t, t + kLanes, r);
}

// The queries of a lane group: the last one repeats where the tile has none left.
struct LaneGroup {
  int64_t query[kLanes], lse[kLanes];  // where they start in q, and their place in lse
  int32_t last_key[kLanes];
  int64_t lanes;  // that are queries of their own

  LaneGroup(const AttentionSizes& sizes, int64_t b, int64_t kv_head, int64_t first_row,
            int64_t first_lane) {
    const int64_t rows = std::min(kTileRows, sizes.length - first_row);
    const int64_t all = rows * sizes.group();
    lanes = std::min(kLanes, all - first_lane);
    for (int64_t i = 0; i < kLanes; ++i) {
      const int64_t lane = std::min(first_lane + i, all - 1);
      const int64_t row = first_row + lane / sizes.group();
      const int64_t head = kv_head * sizes.group() + lane % sizes.group();
      query[i] = sizes.Query(b, row, head);
      lse[i] = query[i] / kHeadWidth;
      last_key[i] = static_cast<int32_t>(row);
    }
  }
  // Whether every lane sees the whole block.
  bool SeesAll(int64_t block) const { return block + kBlock - 1 <= last_key[0]; }
  bool SeesNone(int64_t block) const { return block > last_key[kLanes - 1]; }
  // Keys of the block up to which each lane sees.
  __m512i Limits(int64_t block) const {
    return _mm512_sub_epi32(_mm512_loadu_si512(last_key),
                            _mm512_set1_epi32(static_cast<int32_t>(block)));
  }
};

// The lane groups of the tile that begins at `first_row`.
inline std::vector<LaneGroup> GroupsOf(const AttentionSizes& sizes, int64_t b, int64_t kv_head,
                                       int64_t first_row) {
  const int64_t rows = std::min(kTileRows, sizes.length - first_row);
  std::vector<LaneGroup> groups;
  for (int64_t lane = 0; lane < rows * sizes.group(); lane += kLanes) {
    groups.emplace_back(sizes, b, kv_head, first_row, lane);
  }
  return groups;
}

// Rows of the group's own queries, one per lane, from columns [column][lane] times `factor`.
inline void WriteRows(const LaneGroup& group, Vector factor, const float* columns, float* to) {
  Vector rows[kLanes];
  for (int64_t d = 0; d < kLanes; ++d) {
    rows[d] = _mm512_mul_ps(factor, _mm512_load_ps(columns + kLanes * d));
  }
  Transpose(rows);
  for (int64_t i = 0; i < group.lanes; ++i) _mm512_storeu_ps(to + group.query[i], rows[i]);
}

// What the sums of a group's online softmax come to. `state` has y as [column][lane], and sum and
// maximum (in powers of two) per lane.
template <typename State>
void WriteResults(const LaneGroup& group, const State& state, float* y, float* lse) {
  const Vector inverse = _mm512_div_ps(_mm512_set1_ps(1.0f), _mm512_load_ps(state.sum));
  WriteRows(group, inverse, state.y, y);
  for (int64_t i = 0; i < group.lanes; ++i) {
    lse[group.lse[i]] = state.maximum[i] * kLn2 + std::log(state.sum[i]);
  }
}

// The rows of a block that exist, back to where PackRows had them from.
inline void UnpackRows(const float* from, int64_t stride, int64_t rows, float* to) {
  for (int64_t j = 0; j < std::min(kBlock, rows); ++j) {
    _mm512_storeu_ps(to + j * stride, _mm512_load_ps(from + kLanes * j));
  }
}

// tile(sequence, key head, first row) for all tiles.
template <typename Tile>
void ForEachTile(const AttentionSizes& sizes, Tile tile) {
  for (int64_t b = 0; b < sizes.batch; ++b) {
    for (int64_t head = 0; head < sizes.kv_heads; ++head) {
      for (int64_t row = 0; row < sizes.length; row += kTileRows) tile(b, head, row);
    }
  }
}

HYDRA_INLINE __mmask16 Sees(__m512i limits, int64_t key) {
  return _mm512_cmpge_epi32_mask(limits, _mm512_set1_epi32(static_cast<int32_t>(key)));
}

}  // namespace hydra::bench

#endif  // HYDRA_BENCH_ATTENTION_REFERENCE_LANES_H_
