#include "runtime/metrics/routing.h"

#include <cmath>
#include <numeric>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace hydra::metrics {

int64_t Total(absl::Span<const int64_t> tokens) {
  return std::accumulate(tokens.begin(), tokens.end(), int64_t{0});
}

std::vector<int64_t> Depths(absl::Span<const int64_t> tokens) {
  std::vector<int64_t> depths(tokens.begin(), tokens.end());
  for (size_t pass = 1; pass < depths.size(); ++pass) depths[pass - 1] -= depths[pass];
  return depths;
}

std::vector<double> Shares(absl::Span<const int64_t> tokens) {
  const int64_t total = Total(tokens);
  std::vector<double> shares;
  for (const int64_t count : tokens) {
    shares.push_back(total == 0 ? 0 : static_cast<double>(count) / static_cast<double>(total));
  }
  return shares;
}

double Entropy(absl::Span<const int64_t> tokens) {
  double entropy = 0;
  for (const double share : Shares(tokens)) {
    if (share > 0) entropy -= share * std::log(share);
  }
  return entropy;
}

double MeanPlace(absl::Span<const int64_t> tokens) {
  const std::vector<double> shares = Shares(tokens);
  double mean = 0;
  for (size_t place = 0; place < shares.size(); ++place) {
    mean += static_cast<double>(place) * shares[place];
  }
  return mean;
}

std::string ModRow::Status() const {
  std::string status;
  if (probs_mean < kProbabilityEnd) {
    status = "COLLAPSED_LOW";
  } else if (probs_mean > 1 - kProbabilityEnd) {
    status = "COLLAPSED_HIGH";
  } else if (std::abs(probs_mean - capacity) > kProbabilityDrift) {
    status = "DRIFTING";
  } else {
    return "OK";
  }
  return tokens.empty() ? "DISABLED_PRE_ENABLE" : status;
}

std::string MorRow::Status() const {
  const std::vector<double> shares = Shares(Depths(tokens));
  if (Total(tokens) == 0 || shares.size() < 2) return "OK";
  if (shares.front() > kAlmostAll) return "DEPTH_COLLAPSED_EARLY";
  if (shares.back() > kAlmostAll) return "DEPTH_COLLAPSED_MAX";
  for (const double share : shares) {
    if (share > kAlmostAll) return "DEPTH_COLLAPSED";
  }
  for (size_t depth = static_cast<size_t>(min_depth); depth < shares.size(); ++depth) {
    if (shares[depth] < kUnusedDepth) return absl::StrCat("DEPTH_UNUSED_", depth);
  }
  return "OK";
}

std::string MoeRow::Status() const {
  const std::vector<double> shares = Shares(tokens);
  if (Total(tokens) == 0 || shares.size() < 2) return "OK";
  for (size_t expert = 0; expert < shares.size(); ++expert) {
    if (shares[expert] > kAlmostAll) return absl::StrCat("EXPERT_COLLAPSED_", expert);
  }
  for (size_t expert = 0; expert < shares.size(); ++expert) {
    if (shares[expert] * static_cast<double>(shares.size()) < kUnusedExpert) {
      return absl::StrCat("EXPERT_UNUSED_", expert);
    }
  }
  return "OK";
}

std::string ExplainStatus(absl::string_view status) {
  if (status == "COLLAPSED_LOW") {
    return absl::StrCat("the mean probability is below ", kProbabilityEnd);
  }
  if (status == "COLLAPSED_HIGH") {
    return absl::StrCat("the mean probability is above ", 1 - kProbabilityEnd);
  }
  if (status == "DRIFTING") {
    return absl::StrCat("the mean probability is more than ", kProbabilityDrift,
                        " from the capacity");
  }
  if (status == "DISABLED_PRE_ENABLE") return "its probabilities are off before it selects";
  if (absl::StartsWith(status, "DEPTH_UNUSED")) return "under 1 % of the tokens have this depth";
  if (absl::StartsWith(status, "EXPERT_UNUSED")) return "under a tenth of an expert's fair share";
  return "over 90 % of the tokens go one way";
}

}  // namespace hydra::metrics
