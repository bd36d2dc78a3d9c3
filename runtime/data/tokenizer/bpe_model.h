// Byte-pair merges: the bytes of one word to token ids.
#ifndef HYDRA_RUNTIME_DATA_TOKENIZER_BPE_MODEL_H_
#define HYDRA_RUNTIME_DATA_TOKENIZER_BPE_MODEL_H_

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "runtime/base/status.h"

namespace hydra::data {

// Vocabulary and merges, in bytes. Tokens without a word (added ones) have no part in it.
struct BpeTable {
  std::vector<std::pair<std::string, int32_t>> tokens;      // bytes and id, ids at least 0
  std::vector<std::pair<std::string, std::string>> merges;  // most important first
  bool whole_words_first = false;  // a word that is a token needs no merges ("ignore_merges")
};

// Immutable; thread-safe.
class BpeModel {
 public:
  // kInput, beginning with `source`, if one of the 256 bytes has no token, a merge names or makes
  // what is no token, or tokens repeat.
  static absl::StatusOr<BpeModel> Create(const BpeTable& table, absl::string_view source);

  // Working memory of Encode, reused between words. One thread at a time.
  class Scratch {
   private:
    friend class BpeModel;
    struct Symbol {
      int32_t id;
      int32_t previous, next;  // -1: none
    };
    struct Candidate {
      uint32_t rank;
      int32_t at;  // the left symbol
      int32_t merged;
    };
    std::vector<Symbol> symbols_;
    std::vector<Candidate> queue_;
  };

  // Adds the ids of a word of fewer than 2^31 bytes: the best merge first, from left to right among
  // equal ones. Takes O(n log n).
  void Encode(absl::string_view word, Scratch& scratch, std::vector<int32_t>& ids) const;

  int32_t byte_id(uint8_t byte) const { return bytes_[byte]; }

 private:
  struct Merge {
    uint32_t rank;
    int32_t id;
  };
  BpeModel() = default;
  const Merge* Find(int32_t left, int32_t right) const;
  void Propose(int32_t left, Scratch& scratch) const;

  std::array<int32_t, 256> bytes_{};
  absl::flat_hash_map<uint64_t, Merge> merges_;  // by the two ids
  absl::flat_hash_map<std::string, int32_t> whole_words_;
};

}  // namespace hydra::data

#endif  // HYDRA_RUNTIME_DATA_TOKENIZER_BPE_MODEL_H_
