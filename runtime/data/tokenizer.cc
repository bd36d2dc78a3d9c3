#include "runtime/data/tokenizer.h"

#include "runtime/base/did_you_mean.h"

namespace hydra::data {
namespace {

// One token per byte: every text can be encoded, and every id 0 .. 255 decoded.
class ByteTokenizer final : public Tokenizer {
 public:
  absl::string_view name() const override { return "byte"; }
  int64_t vocab_size() const override { return 256; }

  absl::StatusOr<std::vector<int32_t>> Encode(absl::string_view text) const override {
    std::vector<int32_t> tokens;
    tokens.reserve(text.size());
    for (const char c : text) tokens.push_back(static_cast<uint8_t>(c));
    return tokens;
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

}  // namespace

absl::StatusOr<std::unique_ptr<Tokenizer>> MakeTokenizer(absl::string_view name) {
  if (name == "byte") return std::make_unique<ByteTokenizer>();
  return UsageError(absl::StrCat("unknown tokenizer '", name, "'", DidYouMean(name, {"byte"}),
                                 "; known tokenizers: byte"));
}

}  // namespace hydra::data
