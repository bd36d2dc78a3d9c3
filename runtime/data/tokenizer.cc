#include "runtime/data/tokenizer.h"

#include <utility>

#include "absl/strings/match.h"
#include "runtime/base/did_you_mean.h"
#include "runtime/data/tokenizer/bpe_tokenizer.h"
#include "runtime/data/tokenizer/sentencepiece_tokenizer.h"
#include "runtime/io/posix_file.h"

namespace hydra::data {
namespace {

constexpr uint64_t kLargestFile = uint64_t{1} << 28;

class ByteEncoder final : public TokenEncoder {
 public:
  absl::Status Append(absl::string_view text, std::vector<int32_t>& ids) override {
    for (const char c : text) ids.push_back(static_cast<uint8_t>(c));
    return absl::OkStatus();
  }
  absl::Status Finish(std::vector<int32_t>&) override { return absl::OkStatus(); }
};

// One token per byte: every text can be encoded, and every id 0 .. 255 decoded.
class ByteTokenizer final : public Tokenizer {
 public:
  absl::string_view name() const override { return kByteTokenizer; }
  int64_t vocab_size() const override { return 256; }
  std::vector<int32_t> document_end() const override { return {'\n'}; }
  std::unique_ptr<TokenEncoder> NewEncoder() const override {
    return std::make_unique<ByteEncoder>();
  }

  absl::StatusOr<std::string> Decode(absl::Span<const int32_t> tokens) const override {
    std::string text;
    text.reserve(tokens.size());
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i] < 0 || tokens[i] > 255) {
        return FailureError(absl::StrCat("token ", i, " has id ", tokens[i],
                                         ", the byte tokenizer knows ids 0 to 255"));
      }
      text.push_back(static_cast<char>(tokens[i]));
    }
    return text;
  }
};

// What a file of bytes that nobody described holds: a JSON object begins with a brace.
absl::string_view KindOfContents(absl::string_view contents) {
  const size_t first = contents.find_first_not_of(" \t\r\n");
  return first != absl::string_view::npos && contents[first] == '{' ? kTokenizerJson
                                                                    : kTokenizerModel;
}

}  // namespace

absl::StatusOr<std::vector<int32_t>> Tokenizer::Encode(absl::string_view text) const {
  std::vector<int32_t> ids;
  const std::unique_ptr<TokenEncoder> encoder = NewEncoder();
  HYDRA_RETURN_IF_ERROR(encoder->Append(text, ids));
  HYDRA_RETURN_IF_ERROR(encoder->Finish(ids));
  return ids;
}

absl::StatusOr<std::unique_ptr<Tokenizer>> ParseTokenizer(absl::string_view name,
                                                          std::string contents,
                                                          absl::string_view source) {
  if (name == kByteTokenizer) return std::make_unique<ByteTokenizer>();
  if (name == kTokenizerJson) return MakeBpeTokenizer(std::move(contents), source);
  if (name == kTokenizerModel) return MakeSentencePieceTokenizer(std::move(contents), source);
  return UsageError(absl::StrCat(source, ": expected the tokenizer ", kByteTokenizer, ", ",
                                 kTokenizerJson, " or ", kTokenizerModel, ", found '", name, "'"));
}

absl::StatusOr<std::unique_ptr<Tokenizer>> MakeTokenizer(absl::string_view name) {
  if (name == kByteTokenizer) return std::make_unique<ByteTokenizer>();
  const std::string path(name);
  if (!PathExists(path) && !absl::StrContains(path, '/') && !absl::StrContains(path, '.')) {
    return UsageError(
        absl::StrCat("--tokenizer: expected byte, or the path of a tokenizer.json or of a "
                     "SentencePiece model, found '",
                     name, "'", DidYouMean(name, {kByteTokenizer})));
  }
  HYDRA_ASSIGN_OR_RETURN(std::string contents, ReadWholeFile(path, kLargestFile));
  const absl::string_view kind = KindOfContents(contents);
  return ParseTokenizer(kind, std::move(contents), path);
}

}  // namespace hydra::data
