// Hints for misspelt names: settings, flags, JSON keys, tensor names.
#ifndef HYDRA_RUNTIME_BASE_DID_YOU_MEAN_H_
#define HYDRA_RUNTIME_BASE_DID_YOU_MEAN_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace hydra {

// Edit distance in bytes: insertions, deletions, substitutions and swaps of neighbours cost 1 each
// (a swapped pair is not edited further).
size_t EditDistance(absl::string_view a, absl::string_view b);

// The candidate nearest to `name`, the first among equals; nothing if even that one is further
// than a third of the longer name (at least 1 edit is always allowed for names of 2 or more).
std::optional<absl::string_view> ClosestName(absl::string_view name,
                                             absl::Span<const absl::string_view> candidates);

// "; did you mean 'NEAREST'?", or "" when nothing is near: meant to be appended to a message.
std::string DidYouMean(absl::string_view name, absl::Span<const absl::string_view> candidates);

// The same for any range of strings.
template <typename Range>
std::string DidYouMeanAmong(absl::string_view name, const Range& candidates) {
  std::vector<absl::string_view> views;
  for (const auto& candidate : candidates) views.emplace_back(candidate);
  return DidYouMean(name, views);
}

}  // namespace hydra

#endif  // HYDRA_RUNTIME_BASE_DID_YOU_MEAN_H_
