#include "runtime/metrics/step_ranges.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace hydra::metrics {
namespace {

constexpr size_t kShownRanges = 8;

std::string RangeText(int64_t first, int64_t last) {
  return first == last ? absl::StrCat(first) : absl::StrCat(first, "-", last);
}

}  // namespace

void StepRanges::Add(int64_t first, int64_t last) {
  if (first > last) return;
  // The first range that could touch [first - 1, last + 1].
  auto range = ranges_.upper_bound(first);
  if (range != ranges_.begin() && std::prev(range)->second >= first - 1) --range;
  while (range != ranges_.end() && range->first <= last + 1) {
    first = std::min(first, range->first);
    last = std::max(last, range->second);
    range = ranges_.erase(range);
  }
  ranges_.emplace(first, last);
}

void StepRanges::Add(const StepRanges& other) {
  for (const auto& [first, last] : other.ranges_) Add(first, last);
}

int64_t StepRanges::count() const {
  int64_t count = 0;
  for (const auto& [first, last] : ranges_) count += last - first + 1;
  return count;
}

std::string StepRanges::Text() const {
  std::string text;
  size_t shown = 0;
  for (const auto& [first, last] : ranges_) {
    if (++shown == kShownRanges && ranges_.size() > kShownRanges) break;
    absl::StrAppend(&text, text.empty() ? "" : ", ", RangeText(first, last));
  }
  if (ranges_.size() > kShownRanges) {
    const auto& [first, last] = *ranges_.rbegin();
    absl::StrAppend(&text, ", ... ", RangeText(first, last), " (", ranges_.size(), " ranges)");
  }
  return text;
}

}  // namespace hydra::metrics
