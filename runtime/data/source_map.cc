#include "runtime/data/source_map.h"

#include <algorithm>

namespace hydra::data {

void SourceMap::Append(size_t source, uint64_t tokens) {
  if (tokens == 0) return;
  if (!runs_.empty() && runs_.back().source == source) {
    runs_.back().end += tokens;
  } else {
    runs_.push_back({.end = size() + tokens, .source = source});
  }
}

size_t SourceMap::At(uint64_t token) const {
  return std::upper_bound(runs_.begin(), runs_.end(), token,
                          [](uint64_t value, const Run& run) { return value < run.end; })
      ->source;
}

}  // namespace hydra::data
