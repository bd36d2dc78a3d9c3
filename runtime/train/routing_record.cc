#include "runtime/train/routing_record.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace hydra::train {
namespace {

using metrics::ModRow;
using metrics::MoeRow;
using metrics::MorRow;

// The fields of one layer's router, by the last part of their names; none that holds zeros only.
using Facts = std::map<absl::string_view, absl::Span<const double>>;

std::vector<int64_t> TokensOf(const Facts& facts) {
  const auto tokens = facts.find("tokens");
  if (tokens == facts.end()) return {};
  return {tokens->second.begin(), tokens->second.end()};
}

// Of mean probability and min_depth.
MorRow Recursion(int64_t layer, const Facts& facts) {
  MorRow row{.layer = layer, .tokens = TokensOf(facts)};
  row.avg_depth = metrics::MeanPlace(metrics::Depths(row.tokens));
  if (const auto router = facts.find("router"); router != facts.end()) {
    row.router_probs_mean = router->second[0];
    row.min_depth = std::lround(router->second[1]);
    const double range = static_cast<double>(row.tokens.size()) - 1 - router->second[1];
    row.expected_depth = router->second[1] + row.router_probs_mean * range;
  }
  return row;
}

// Mean and variance of the probability, and the capacity. `made`: tokens by pass of the recursion
// around it, empty at fixed depth; `tokens`: of the step.
ModRow Depth(int64_t layer, const Facts& facts, const std::vector<int64_t>& made, int64_t tokens) {
  ModRow row{.layer = layer, .tokens = TokensOf(facts)};
  if (const auto router = facts.find("router"); router != facts.end()) {
    row.probs_mean = router->second[0];
    row.probs_std = std::sqrt(std::max(0.0, router->second[1]));
    row.capacity = router->second[2];
  }
  if (row.tokens.empty()) return row;
  const auto selected = static_cast<double>(metrics::Total(row.tokens));
  const auto all = static_cast<double>(tokens) * static_cast<double>(row.tokens.size());
  row.selected_frac = selected / (made.empty() ? all : static_cast<double>(metrics::Total(made)));
  row.compute_savings_pct = 100 * (1 - selected / all);
  return row;
}

MoeRow Experts(int64_t layer, const Facts& facts) {
  MoeRow row{.layer = layer, .tokens = TokensOf(facts)};
  row.entropy = metrics::Entropy(row.tokens);
  if (const auto field = facts.find("divergence"); field != facts.end()) {
    row.divergence = field->second[0];
  }
  return row;
}

}  // namespace

metrics::RoutingRows RoutingOf(const StepReport& report) {
  metrics::RoutingRows rows;
  std::map<absl::string_view, std::map<int64_t, Facts>> routers;
  for (const StepField& field : report.fields) {
    const absl::Span<const double> values = report.values.subspan(field.first, field.elements);
    if (std::all_of(values.begin(), values.end(), [](double value) { return value == 0; }))
      continue;
    if (field.name == "route.mlp.flops") {
      rows.mlp_flops = values[0];
      rows.mlp_flops_fixed_depth = values[1];
      continue;
    }
    const std::vector<absl::string_view> parts = absl::StrSplit(field.name, '.');
    int64_t layer = 0;
    if (parts.size() != 4 || parts[0] != "route" || !absl::SimpleAtoi(parts[2], &layer)) continue;
    routers[parts[1]][layer][parts[3]] = values;
  }
  for (const auto& [layer, facts] : routers["mor"]) rows.mor.push_back(Recursion(layer, facts));
  for (const auto& [layer, facts] : routers["mod"]) {
    const auto around = routers["mor"].find(layer);
    const auto made =
        around == routers["mor"].end() ? std::vector<int64_t>() : TokensOf(around->second);
    rows.mod.push_back(Depth(layer, facts, made, report.tokens));
  }
  for (const auto& [layer, facts] : routers["moe"]) rows.moe.push_back(Experts(layer, facts));
  return rows;
}

}  // namespace hydra::train
