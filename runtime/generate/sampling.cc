#include "runtime/generate/sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "runtime/base/hash.h"
#include "runtime/base/philox.h"

namespace hydra::generate {
namespace {

// Uniform in [0, 1) with 53 bits, from two values of the stream.
double Uniform53(const Philox& random) {
  const uint64_t bits = (uint64_t{random.Bits(0)} << 32) | random.Bits(1);
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

}  // namespace

absl::Status CheckSamplingOptions(const SamplingOptions& options) {
  if (!(options.temperature >= 0) || !std::isfinite(options.temperature)) {
    return UsageError(
        absl::StrCat("--temperature must be 0 or a positive number, found ", options.temperature));
  }
  if (options.top_k < 0) {
    return UsageError(
        absl::StrCat("--top-k must be 0 (off) or a positive count, found ", options.top_k));
  }
  if (!(options.top_p > 0 && options.top_p <= 1)) {
    return UsageError(absl::StrCat("--top-p must lie in (0, 1], found ", options.top_p));
  }
  return absl::OkStatus();
}

absl::StatusOr<int32_t> SampleToken(absl::Span<const float> logits, const SamplingOptions& options,
                                    uint64_t row, uint64_t position) {
  HYDRA_RETURN_IF_ERROR(CheckSamplingOptions(options));
  if (logits.empty()) return FailureError("no logits to sample from");
  float highest = -std::numeric_limits<float>::infinity();
  size_t best = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (std::isnan(logits[i]) || logits[i] == std::numeric_limits<float>::infinity()) {
      return NumericalError(absl::StrCat("logit of token ", i, " at position ", position, " is ",
                                         logits[i],
                                         "; the weights are damaged or training diverged"));
    }
    if (logits[i] > highest) {
      highest = logits[i];
      best = i;
    }
  }
  if (!std::isfinite(highest)) {
    return NumericalError(absl::StrCat("no token at position ", position, " has a finite logit"));
  }
  if (options.temperature == 0) return static_cast<int32_t>(best);

  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const auto before = [&](int32_t a, int32_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  };
  if (options.top_k > 0 && static_cast<size_t>(options.top_k) < order.size()) {
    std::nth_element(order.begin(), order.begin() + options.top_k, order.end(), before);
    order.resize(options.top_k);
  }
  std::sort(order.begin(), order.end(), before);
  std::vector<double> cumulative(order.size());
  double total = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    total += std::exp((static_cast<double>(logits[order[i]]) - highest) / options.temperature);
    cumulative[i] = total;
  }
  size_t kept = order.size();
  if (options.top_p < 1) {
    const auto end = std::lower_bound(cumulative.begin(), cumulative.end(), options.top_p * total);
    kept = std::min<size_t>(kept, static_cast<size_t>(end - cumulative.begin()) + 1);
  }
  // Row and position together name the value, so that batched and single decoding agree.
  const Philox random(options.seed ^ (position >> 32), Hash64(absl::StrCat("sample:", row)),
                      static_cast<uint32_t>(position));
  const double target = Uniform53(random) * cumulative[kept - 1];
  const auto chosen =
      std::upper_bound(cumulative.begin(), cumulative.begin() + static_cast<int64_t>(kept), target);
  const size_t index = std::min<size_t>(static_cast<size_t>(chosen - cumulative.begin()), kept - 1);
  return order[index];
}

}  // namespace hydra::generate
