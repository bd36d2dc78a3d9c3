// Edit distance with three rows of the table.
#include "runtime/base/did_you_mean.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"

namespace hydra {

size_t EditDistance(absl::string_view a, absl::string_view b) {
  // Row i of the table, and the two before it.
  std::vector<size_t> row(b.size() + 1), previous(b.size() + 1), earlier(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    earlier.swap(previous);
    previous.swap(row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({previous[j] + 1, row[j - 1] + 1, substituted});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], earlier[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

std::optional<absl::string_view> ClosestName(absl::string_view name,
                                             absl::Span<const absl::string_view> candidates) {
  // A hostile name may be megabytes long; no hint is worth a quadratic search of it.
  constexpr size_t kLongestName = 256;
  if (name.size() < 2 || name.size() > kLongestName) return std::nullopt;
  std::optional<absl::string_view> best;
  size_t best_distance = 0;
  for (absl::string_view candidate : candidates) {
    if (candidate.size() > kLongestName) continue;
    const size_t limit = std::max<size_t>(1, std::max(name.size(), candidate.size()) / 3);
    const size_t distance = EditDistance(name, candidate);
    if (distance > limit) continue;
    if (!best || distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string DidYouMean(absl::string_view name, absl::Span<const absl::string_view> candidates) {
  const std::optional<absl::string_view> best = ClosestName(name, candidates);
  return best ? absl::StrCat("; did you mean '", *best, "'?") : std::string();
}

}  // namespace hydra
