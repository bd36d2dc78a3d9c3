#include "runtime/data/tokenizer/bpe_model.h"

#include <algorithm>

#include "runtime/io/json_file.h"

namespace hydra::data {
namespace {

uint64_t Key(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

}  // namespace

absl::StatusOr<BpeModel> BpeModel::Create(const BpeTable& table, absl::string_view source) {
  BpeModel model;
  absl::flat_hash_map<absl::string_view, int32_t> ids;
  ids.reserve(table.tokens.size());
  for (const auto& [bytes, id] : table.tokens) {
    if (!ids.emplace(bytes, id).second) {
      return InputError(absl::StrCat(source, ": expected every token once, found ",
                                     QuoteForMessage(bytes), " twice"));
    }
  }
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const auto found = ids.find(absl::string_view(&c, 1));
    if (found == ids.end()) {
      return InputError(absl::StrCat(source, ": expected a token for every byte, found none for ",
                                     byte, "; train the tokenizer with the whole byte alphabet"));
    }
    model.bytes_[static_cast<size_t>(byte)] = found->second;
  }
  model.merges_.reserve(table.merges.size());
  for (size_t rank = 0; rank < table.merges.size(); ++rank) {
    const auto& [left, right] = table.merges[rank];
    const std::string merged = left + right;
    for (const std::string& token : {left, right, merged}) {
      if (ids.contains(token)) continue;
      return InputError(absl::StrCat(source, ": merge ", rank, " (", QuoteForMessage(left), " ",
                                     QuoteForMessage(right), ") needs the token ",
                                     QuoteForMessage(token), ", which the vocabulary lacks"));
    }
    // A merge that is listed twice has its last place, as in the library that wrote the file.
    model.merges_[Key(ids[left], ids[right])] = {static_cast<uint32_t>(rank), ids[merged]};
  }
  if (table.whole_words_first) {
    for (const auto& [bytes, id] : table.tokens) model.whole_words_.emplace(bytes, id);
  }
  return model;
}

const BpeModel::Merge* BpeModel::Find(int32_t left, int32_t right) const {
  const auto found = merges_.find(Key(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

// Queues the merge of a symbol with the one behind it, if there is one.
void BpeModel::Propose(int32_t left, Scratch& scratch) const {
  const Scratch::Symbol& symbol = scratch.symbols_[static_cast<size_t>(left)];
  if (symbol.next < 0) return;
  const Merge* merge = Find(symbol.id, scratch.symbols_[static_cast<size_t>(symbol.next)].id);
  if (merge == nullptr) return;
  scratch.queue_.push_back({merge->rank, left, merge->id});
}

void BpeModel::Encode(absl::string_view word, Scratch& scratch, std::vector<int32_t>& ids) const {
  if (!whole_words_.empty()) {
    if (const auto found = whole_words_.find(word); found != whole_words_.end()) {
      ids.push_back(found->second);
      return;
    }
  }
  const int32_t count = static_cast<int32_t>(word.size());
  std::vector<Scratch::Symbol>& symbols = scratch.symbols_;
  std::vector<Scratch::Candidate>& queue = scratch.queue_;
  symbols.clear();
  queue.clear();
  for (int32_t i = 0; i < count; ++i) {
    symbols.push_back({bytes_[static_cast<uint8_t>(word[static_cast<size_t>(i)])], i - 1,
                       i + 1 < count ? i + 1 : -1});
  }
  // A heap with the best merge on top: of the lowest rank, then the leftmost.
  const auto worse = [](const Scratch::Candidate& a, const Scratch::Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
  };
  for (int32_t i = 0; i + 1 < count; ++i) Propose(i, scratch);
  std::make_heap(queue.begin(), queue.end(), worse);
  const auto propose = [&](int32_t left) {
    const size_t before = queue.size();
    Propose(left, scratch);
    if (queue.size() > before) std::push_heap(queue.begin(), queue.end(), worse);
  };
  while (!queue.empty()) {
    std::pop_heap(queue.begin(), queue.end(), worse);
    const Scratch::Candidate best = queue.back();
    queue.pop_back();
    Scratch::Symbol& left = symbols[static_cast<size_t>(best.at)];
    if (left.id < 0 || left.next < 0) continue;  // merged into another, or the last by now
    Scratch::Symbol& right = symbols[static_cast<size_t>(left.next)];
    // A merge that was proposed for symbols that have grown meanwhile: it would make another token.
    const Merge* now = Find(left.id, right.id);
    if (now == nullptr || now->id != best.merged) continue;
    left.id = best.merged;
    left.next = right.next;
    right.id = -1;
    if (left.next >= 0) symbols[static_cast<size_t>(left.next)].previous = best.at;
    if (left.previous >= 0) propose(left.previous);
    propose(best.at);
  }
  for (int32_t at = 0; at >= 0; at = symbols[static_cast<size_t>(at)].next) {
    ids.push_back(symbols[static_cast<size_t>(at)].id);
  }
}

}  // namespace hydra::data
