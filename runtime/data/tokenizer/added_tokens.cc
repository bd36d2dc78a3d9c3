#include "runtime/data/tokenizer/added_tokens.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>

namespace hydra::data {

AddedTokenFinder::AddedTokenFinder(const std::vector<AddedToken>& tokens) {
  for (const AddedToken& token : tokens) {
    Kind& kind = token.normalized ? normalized_ : plain_;
    kind.ids.emplace(token.content, token.id);
    kind.lengths.push_back(token.content.size());
    const uint8_t first = static_cast<uint8_t>(token.content[0]);
    kind.begins[first] = true;
    only_begin_ = &token == tokens.data() || only_begin_ == first ? first : -1;
  }
  for (Kind* kind : {&plain_, &normalized_}) {
    std::vector<size_t>& lengths = kind->lengths;
    std::sort(lengths.begin(), lengths.end(), std::greater<>());
    lengths.erase(std::unique(lengths.begin(), lengths.end()), lengths.end());
    if (!lengths.empty()) reach_ += lengths.front();
  }
}

size_t AddedTokenFinder::Kind::Match(absl::string_view text, size_t limit, int32_t& id) const {
  if (text.empty() || !begins[static_cast<uint8_t>(text[0])]) return 0;
  for (const size_t length : lengths) {
    if (length > std::min(limit, text.size())) continue;
    const auto found = ids.find(text.substr(0, length));
    if (found == ids.end()) continue;
    id = found->second;
    return length;
  }
  return 0;
}

AddedTokenFinder::Found AddedTokenFinder::Next(absl::string_view text, size_t from,
                                               bool complete) const {
  for (size_t at = from; reach_ > 0 && at < text.size(); ++at) {
    if (only_begin_ >= 0) {
      const void* next = std::memchr(text.data() + at, only_begin_, text.size() - at);
      if (next == nullptr) break;
      at = static_cast<size_t>(static_cast<const char*>(next) - text.data());
    }
    const uint8_t first = static_cast<uint8_t>(text[at]);
    if (!plain_.begins[first] && !normalized_.begins[first]) continue;
    if (!complete && text.size() - at < reach_) return {.begin = at};
    Found found{.begin = at};
    const absl::string_view rest = text.substr(at);
    found.bytes = plain_.Match(rest, rest.size(), found.id);
    if (found.bytes > 0) return found;
    if (!normalized_.begins[first]) continue;
    // Plain ones go first, wherever they begin.
    int32_t ignored = 0;
    size_t limit = 1;
    while (limit < normalized_.lengths.front() && limit < rest.size() &&
           plain_.Match(rest.substr(limit), rest.size(), ignored) == 0) {
      ++limit;
    }
    found.bytes = normalized_.Match(rest, limit, found.id);
    if (found.bytes > 0) return found;
  }
  return {.begin = text.size()};
}

}  // namespace hydra::data
