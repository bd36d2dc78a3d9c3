// Cuts text that arrives in pieces into words and added tokens, in bounded memory. The words are
// those of the whole text, however it is cut into pieces.
#ifndef HYDRA_RUNTIME_DATA_TOKENIZER_TEXT_CUTTER_H_
#define HYDRA_RUNTIME_DATA_TOKENIZER_TEXT_CUTTER_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "runtime/base/status.h"
#include "runtime/data/tokenizer/added_tokens.h"
#include "runtime/data/tokenizer/split_regex.h"

namespace hydra::data {

// Takes what was cut.
class WordReceiver {
 public:
  virtual ~WordReceiver() = default;
  // A word, valid during the call; a byte that is no UTF-8 is one of its own.
  virtual void Word(absl::string_view word) = 0;
  virtual void Added(int32_t id) = 0;
};

// Borrows all three. Not thread-safe.
class TextCutter {
 public:
  TextCutter(const SplitRegex& split, const AddedTokenFinder& added, WordReceiver& receiver)
      : cutter_(split), added_(added), receiver_(receiver) {}

  // kInput for a word of more than 16 MiB; then the cutter is of no use any more.
  absl::Status Append(absl::string_view text);
  // The text ends; another may follow.
  absl::Status Finish();

 private:
  absl::Status Consume(bool complete);
  absl::StatusOr<size_t> CutText(absl::string_view text, bool complete);

  SplitRegex::Cutter cutter_;
  const AddedTokenFinder& added_;
  WordReceiver& receiver_;
  std::string buffer_;
  size_t held_ = 0;  // bytes at the beginning of the buffer that were looked at and are undecided
};

}  // namespace hydra::data

#endif  // HYDRA_RUNTIME_DATA_TOKENIZER_TEXT_CUTTER_H_
