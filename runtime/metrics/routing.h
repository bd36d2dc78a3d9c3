// What routers did in a step, or in a range of steps (training.md 12.3 and 21), and when they count
// as collapsed.
#ifndef HYDRA_RUNTIME_METRICS_ROUTING_H_
#define HYDRA_RUNTIME_METRICS_ROUTING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace hydra::metrics {

// More than this share of the tokens is almost everything.
inline constexpr double kAlmostAll = 0.9;
// A depth that fewer tokens take is unused.
inline constexpr double kUnusedDepth = 0.01;
// So is an expert with less than this of its fair share, 1 / experts.
inline constexpr double kUnusedExpert = 0.1;
// A mean probability of depth routing below it, or above 1 less it, is an end of its range; and
// further from the capacity than this is drift.
inline constexpr double kProbabilityEnd = 0.1;
inline constexpr double kProbabilityDrift = 0.2;

// Depth routing of one block.
struct ModRow {
  int64_t layer = 0;
  std::vector<int64_t> tokens = {};  // whose MLP runs, by pass; empty: it does not select yet
  double selected_frac = 1;          // of the tokens that take part in the passes
  double compute_savings_pct = 0;    // of the MLP rows of every token in every pass
  double probs_mean = 0, probs_std = 0;
  double capacity = 1;

  std::string Status() const;
};

// Recursion of one block whose depth a router chooses.
struct MorRow {
  int64_t layer = 0;
  std::vector<int64_t> tokens = {};  // that make pass r
  double avg_depth = 0;              // of `Depths(tokens)`
  double expected_depth = 0;         // of the mean probability, not rounded
  double router_probs_mean = 0;
  int64_t min_depth = 0;

  std::string Status() const;
};

// One layer of experts.
struct MoeRow {
  int64_t layer = 0;
  std::vector<int64_t> tokens = {};  // by expert; a token counts once per choice
  double entropy = 0;                // of their shares, in nats
  double divergence = 0;             // mean over pairs of 1 - cos of their first matrices

  std::string Status() const;
};

// What a status other than "OK" says, in words.
std::string ExplainStatus(absl::string_view status);

struct RoutingRows {
  std::vector<ModRow> mod = {};
  std::vector<MorRow> mor = {};
  std::vector<MoeRow> moe = {};
  // Floating-point operations of the MLPs forward, and at fixed depth; 0: not recorded.
  double mlp_flops = 0, mlp_flops_fixed_depth = 0;

  bool empty() const { return mod.empty() && mor.empty() && moe.empty(); }
};

int64_t Total(absl::Span<const int64_t> tokens);
// Tokens that stop after pass r, of those that make pass r.
std::vector<int64_t> Depths(absl::Span<const int64_t> tokens);
// Of the total; zeros if that is 0.
std::vector<double> Shares(absl::Span<const int64_t> tokens);
// Sum of -s ln s over the shares.
double Entropy(absl::Span<const int64_t> tokens);
// Mean of the place, weighted by tokens.
double MeanPlace(absl::Span<const int64_t> tokens);

}  // namespace hydra::metrics

#endif  // HYDRA_RUNTIME_METRICS_ROUTING_H_
