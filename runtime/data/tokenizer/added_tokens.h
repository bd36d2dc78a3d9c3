// Finds added tokens (<|endoftext|> and the like) in text.
#ifndef HYDRA_RUNTIME_DATA_TOKENIZER_ADDED_TOKENS_H_
#define HYDRA_RUNTIME_DATA_TOKENIZER_ADDED_TOKENS_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "runtime/data/tokenizer/tokenizer_json.h"

namespace hydra::data {

// Immutable; thread-safe.
class AddedTokenFinder {
 public:
  explicit AddedTokenFinder(const std::vector<AddedToken>& tokens);

  // Where a token begins, its bytes and id. With bytes 0: no token begins before `begin`, which is
  // the end of the text, or, if more of it may follow, where one might.
  struct Found {
    size_t begin = 0;
    size_t bytes = 0;
    int32_t id = 0;
  };
  // The first token at or after `from`, the longest of those that begin there. `complete`: no more
  // text follows.
  Found Next(absl::string_view text, size_t from, bool complete) const;

 private:
  // Tokens of one kind, by length, longest first.
  struct Kind {
    std::vector<size_t> lengths;
    absl::flat_hash_map<std::string, int32_t> ids;
    std::array<bool, 256> begins{};
    // The longest token that `text` begins with and that has at most `limit` bytes; 0: none.
    size_t Match(absl::string_view text, size_t limit, int32_t& id) const;
  };
  Kind plain_, normalized_;
  size_t reach_ = 0;     // bytes that decide whether a token begins somewhere
  int only_begin_ = -1;  // the byte that every token begins with
};

}  // namespace hydra::data

#endif  // HYDRA_RUNTIME_DATA_TOKENIZER_ADDED_TOKENS_H_
