// The clock of the attention benchmark and the peak that its figures are scaled by.
#include <ctime>

#include "bench/attention/reference_lanes.h"

namespace hydra::bench {

double ThreadSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double FmaPeak() {
  constexpr int kRepeats = 100000, kChains = 12;
  Vector sums[kChains];
  for (Vector& sum : sums) sum = _mm512_set1_ps(1e-9f);
  const Vector a = _mm512_set1_ps(1.0000001f), c = _mm512_set1_ps(1e-9f);
  const double start = ThreadSeconds();
  for (int i = 0; i < kRepeats; ++i) {
#pragma GCC unroll 12
    for (Vector& sum : sums) sum = _mm512_fmadd_ps(sum, a, c);
    asm volatile("" : "+v"(sums[0]), "+v"(sums[kChains - 1]));  // one round after the other
  }
  const double seconds = ThreadSeconds() - start;
  for (Vector& sum : sums) asm volatile("" ::"v"(sum));
  return 2.0 * kLanes * kChains * kRepeats / seconds * 1e-9;
}

}  // namespace hydra::bench
