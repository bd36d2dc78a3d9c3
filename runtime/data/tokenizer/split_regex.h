// The regular expression that cuts text into words before byte-pair merges, run by PCRE2.
//
// Patterns come from files and were written for Oniguruma. Escapes that mean other characters there
// are translated (\s, \S) or refused by name (\w, \h, ...), so that a pattern that is taken cuts
// the same words. Both libraries know the characters of their own version of Unicode.
#ifndef HYDRA_RUNTIME_DATA_TOKENIZER_SPLIT_REGEX_H_
#define HYDRA_RUNTIME_DATA_TOKENIZER_SPLIT_REGEX_H_

#include <cstddef>
#include <memory>

#include "absl/strings/string_view.h"
#include "runtime/base/status.h"

namespace hydra::data {

// GPT-2's pattern.
inline constexpr char kGpt2Pattern[] =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// A compiled pattern. Immutable; thread-safe; cheap to copy.
class SplitRegex {
 public:
  // kInput for a pattern that is none, matches the empty text, looks behind, or uses what is
  // refused; `source` begins the message.
  static absl::StatusOr<SplitRegex> Compile(absl::string_view pattern, absl::string_view source);

  // Cuts texts. Not thread-safe.
  class Cutter {
   public:
    explicit Cutter(const SplitRegex& regex);
    ~Cutter();
    Cutter(const Cutter&) = delete;
    Cutter& operator=(const Cutter&) = delete;

    // The end of the word that begins at `from`, below text.size(): what the pattern matches there,
    // or all up to where it matches next. `text` is UTF-8. With `complete` false more text may
    // follow, and 0 says that the word's end depends on it. kInput if the pattern needs too many
    // steps.
    absl::StatusOr<size_t> Next(absl::string_view text, size_t from, bool complete);

   private:
    struct State;
    std::unique_ptr<State> state_;
  };

 private:
  struct Code;
  explicit SplitRegex(std::shared_ptr<const Code> code) : code_(std::move(code)) {}
  std::shared_ptr<const Code> code_;
};

}  // namespace hydra::data

#endif  // HYDRA_RUNTIME_DATA_TOKENIZER_SPLIT_REGEX_H_
