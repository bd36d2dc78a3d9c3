// Trains byte-level BPE, for who has no tokenizer yet: the most frequent pair of tokens becomes
// one, again and again. Words are cut as GPT-2 does; the merges are those of Hugging Face's
// BpeTrainer for the same words with the whole byte alphabet and min_frequency 2.
#ifndef HYDRA_RUNTIME_DATA_TOKENIZER_BPE_TRAINER_H_
#define HYDRA_RUNTIME_DATA_TOKENIZER_BPE_TRAINER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "runtime/base/status.h"
#include "runtime/data/tokenizer/bpe_model.h"
#include "runtime/data/tokenizer/text_cutter.h"

namespace hydra::data {

// Counts the words of a text. Memory grows with the number of different words. Not thread-safe.
class WordCounter : private WordReceiver {
 public:
  WordCounter();
  absl::Status Append(absl::string_view text) { return cutter_.Append(text); }
  absl::Status Finish() { return cutter_.Finish(); }

  const absl::flat_hash_map<std::string, uint64_t>& counts() const { return counts_; }

 private:
  void Word(absl::string_view word) override { ++counts_[word]; }
  void Added(int32_t) override {}

  SplitRegex split_;
  AddedTokenFinder added_;
  TextCutter cutter_;
  absl::flat_hash_map<std::string, uint64_t> counts_;
};

// A vocabulary of at most `size` tokens, at least 256: the bytes in the order of their characters,
// then one token per merge. Fewer if no pair occurs twice any more. Depends on nothing but the
// counts.
BpeTable TrainBpe(const absl::flat_hash_map<std::string, uint64_t>& counts, int64_t size);

}  // namespace hydra::data

#endif  // HYDRA_RUNTIME_DATA_TOKENIZER_BPE_TRAINER_H_
