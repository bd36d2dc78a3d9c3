// Text to token ids and back.
#ifndef HYDRA_RUNTIME_DATA_TOKENIZER_H_
#define HYDRA_RUNTIME_DATA_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/base/status.h"

namespace hydra::data {

// The tokenizer that needs no file, and the names of files that hold one.
inline constexpr char kByteTokenizer[] = "byte";
inline constexpr char kTokenizerJson[] = "tokenizer.json";    // byte-level BPE
inline constexpr char kTokenizerModel[] = "tokenizer.model";  // SentencePiece

// Encodes text that arrives in pieces, in bounded memory. Not thread-safe; may outlive its
// tokenizer.
class TokenEncoder {
 public:
  virtual ~TokenEncoder() = default;

  // Adds the ids that are certain by now. Errors are those of Tokenizer::Encode; the encoder is of
  // no use afterwards.
  virtual absl::Status Append(absl::string_view text, std::vector<int32_t>& ids) = 0;
  // Adds the rest: together the ids are those of the whole text, however it was cut. Ready for
  // another text.
  virtual absl::Status Finish(std::vector<int32_t>& ids) = 0;
};

// Immutable and thread-safe.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // "byte", or the name that its file has in data directories and checkpoints.
  virtual absl::string_view name() const = 0;
  // The bytes of that file; none for "byte".
  virtual absl::string_view contents() const { return {}; }
  // Ids are 0 .. vocab_size() - 1.
  virtual int64_t vocab_size() const = 0;
  // The ids that end a document: its end-of-text token, where it has one, else a line break.
  virtual std::vector<int32_t> document_end() const = 0;
  virtual std::unique_ptr<TokenEncoder> NewEncoder() const = 0;

  // kInput for a text that the tokenizer cannot encode in bounded memory.
  absl::StatusOr<std::vector<int32_t>> Encode(absl::string_view text) const;
  // The bytes of the tokens; a multi-byte character may be split over tokens. A failure names the
  // first id outside the vocabulary.
  virtual absl::StatusOr<std::string> Decode(absl::Span<const int32_t> tokens) const = 0;
  // The bytes that a token adds behind others.
  virtual absl::StatusOr<std::string> DecodeNext(int32_t token) const { return Decode({token}); }
};

// "byte", or the tokenizer in the file `name`: a tokenizer.json of Hugging Face's tokenizers, or a
// SentencePiece model, told by what is in it. kUsage lists what there is; kInput for a file that is
// missing or holds none.
absl::StatusOr<std::unique_ptr<Tokenizer>> MakeTokenizer(absl::string_view name);

// The same from `contents`, for files inside others; `name` is kByteTokenizer, kTokenizerJson or
// kTokenizerModel, `source` begins messages.
absl::StatusOr<std::unique_ptr<Tokenizer>> ParseTokenizer(absl::string_view name,
                                                          std::string contents,
                                                          absl::string_view source);

}  // namespace hydra::data

#endif  // HYDRA_RUNTIME_DATA_TOKENIZER_H_
