#include "runtime/data/tokenizer/bpe_trainer.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "runtime/data/tokenizer/byte_level.h"

namespace hydra::data {
namespace {

constexpr uint64_t kLeastCount = 2;

using Pair = std::pair<int32_t, int32_t>;

struct TrainingWord {
  std::vector<int32_t> tokens;
  int64_t count = 0;
};

struct PairState {
  int64_t count = 0;
  absl::flat_hash_set<uint32_t> words;  // where it occurs, or did
};

struct Candidate {
  int64_t count;
  Pair pair;
};
// The most frequent on top of a heap, then the one whose ids are smallest.
bool Worse(const Candidate& a, const Candidate& b) {
  return a.count != b.count ? a.count < b.count : a.pair > b.pair;
}

class Trainer {
 public:
  Trainer(const absl::flat_hash_map<std::string, uint64_t>& counts, int64_t size) : size_(size) {
    std::array<int32_t, 256> ids{};
    std::vector<std::pair<uint32_t, int>> alphabet;
    for (int byte = 0; byte < 256; ++byte) {
      alphabet.emplace_back(CharacterOfByte(static_cast<uint8_t>(byte)), byte);
    }
    std::sort(alphabet.begin(), alphabet.end());
    for (const auto& [character, byte] : alphabet) {
      ids[static_cast<size_t>(byte)] = AddToken(std::string(1, static_cast<char>(byte)));
    }
    for (const auto& [text, count] : counts) {
      TrainingWord& word = words_.emplace_back();
      word.count = static_cast<int64_t>(count);
      for (const char c : text) word.tokens.push_back(ids[static_cast<uint8_t>(c)]);
    }
  }

  BpeTable Train() && {
    for (uint32_t i = 0; i < words_.size(); ++i) {
      const std::vector<int32_t>& tokens = words_[i].tokens;
      for (size_t at = 0; at + 1 < tokens.size(); ++at) {
        Count({tokens[at], tokens[at + 1]}, words_[i].count, i);
      }
    }
    for (const auto& [pair, state] : pairs_) queue_.push_back({state.count, pair});
    std::make_heap(queue_.begin(), queue_.end(), Worse);
    while (static_cast<int64_t>(table_.tokens.size()) < size_ && !queue_.empty()) {
      std::pop_heap(queue_.begin(), queue_.end(), Worse);
      const Candidate best = queue_.back();
      queue_.pop_back();
      const int64_t now = pairs_[best.pair].count;
      if (now != best.count) {
        // Counted when it was more frequent; its place is further down.
        Queue(best.pair, now);
        continue;
      }
      if (best.count < static_cast<int64_t>(kLeastCount)) break;
      Merge(best.pair);
    }
    return std::move(table_);
  }

 private:
  int32_t AddToken(std::string bytes) {
    const int32_t id = static_cast<int32_t>(table_.tokens.size());
    table_.tokens.emplace_back(std::move(bytes), id);
    return id;
  }

  void Count(Pair pair, int64_t count, uint32_t word) {
    PairState& state = pairs_[pair];
    state.count += count;
    if (count > 0) state.words.insert(word);
  }

  void Queue(Pair pair, int64_t count) {
    if (count <= 0) return;
    queue_.push_back({count, pair});
    std::push_heap(queue_.begin(), queue_.end(), Worse);
  }

  void Merge(Pair pair) {
    const std::string& left = table_.tokens[static_cast<size_t>(pair.first)].first;
    const std::string& right = table_.tokens[static_cast<size_t>(pair.second)].first;
    table_.merges.emplace_back(left, right);
    const int32_t merged = MergedToken(left + right);
    const absl::flat_hash_set<uint32_t> words = std::move(pairs_[pair].words);
    pairs_.erase(pair);
    // What becomes more frequent is queued anew; what becomes rarer is found when its turn comes.
    absl::flat_hash_set<Pair> grown;
    for (const uint32_t number : words) {
      TrainingWord& word = words_[number];
      std::vector<int32_t>& tokens = word.tokens;
      for (size_t at = 0; at + 1 < tokens.size(); ++at) {
        if (tokens[at] != pair.first || tokens[at + 1] != pair.second) continue;
        if (at > 0) {
          Count({tokens[at - 1], tokens[at]}, -word.count, number);
          Count({tokens[at - 1], merged}, word.count, number);
          grown.insert({tokens[at - 1], merged});
        }
        if (at + 2 < tokens.size()) {
          Count({tokens[at + 1], tokens[at + 2]}, -word.count, number);
          Count({merged, tokens[at + 2]}, word.count, number);
          grown.insert({merged, tokens[at + 2]});
        }
        tokens[at] = merged;
        tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(at) + 1);
      }
    }
    pairs_.erase(pair);  // "aaa" counted it down once more
    for (const Pair& found : grown) {
      if (found != pair) Queue(found, pairs_[found].count);
    }
  }

  // Two pairs can make the same bytes: they are one token.
  int32_t MergedToken(const std::string& bytes) {
    const auto known = by_bytes_.find(bytes);
    if (known != by_bytes_.end()) return known->second;
    const int32_t id = AddToken(bytes);
    by_bytes_.emplace(bytes, id);
    return id;
  }

  int64_t size_;
  BpeTable table_;
  std::vector<TrainingWord> words_;
  absl::flat_hash_map<Pair, PairState> pairs_;
  absl::flat_hash_map<std::string, int32_t> by_bytes_;
  std::vector<Candidate> queue_;
};

}  // namespace

WordCounter::WordCounter()
    : split_(SplitRegex::Compile(kGpt2Pattern, "GPT-2's pattern").value()),
      added_({}),
      cutter_(split_, added_, *this) {}

BpeTable TrainBpe(const absl::flat_hash_map<std::string, uint64_t>& counts, int64_t size) {
  return Trainer(counts, size).Train();
}

}  // namespace hydra::data
