#include "runtime/data/tokenizer/sentencepiece_tokenizer.h"

#include <utility>
#include <vector>

#include "absl/strings/str_replace.h"
#include "runtime/data/tokenizer/sentencepiece_check.h"
#include "runtime/data/tokenizer/sentencepiece_library.h"

namespace hydra::data {
namespace {

// The library needs some hundred bytes of memory per byte of a line.
constexpr size_t kLongestLine = size_t{1} << 20;

absl::Status LibraryError(absl::string_view what, absl::string_view error) {
  if (error.empty()) return absl::OkStatus();
  return InputError(absl::StrCat(what, ": SentencePiece: ", error));
}

class LineEncoder final : public TokenEncoder {
 public:
  explicit LineEncoder(std::shared_ptr<const SentencePieceLibrary> library)
      : library_(std::move(library)) {}

  absl::Status Append(absl::string_view text, std::vector<int32_t>& ids) override {
    while (!text.empty()) {
      const size_t end = text.find('\n');
      const absl::string_view part = text.substr(0, end == text.npos ? end : end + 1);
      if (line_.size() + part.size() > kLongestLine) {
        return InputError(absl::StrCat("the text has a line of more than ", kLongestLine,
                                       " bytes, too long for a SentencePiece model; break it"));
      }
      line_.append(part.data(), part.size());
      text.remove_prefix(part.size());
      if (end == text.npos) break;
      HYDRA_RETURN_IF_ERROR(Finish(ids));
    }
    return absl::OkStatus();
  }

  absl::Status Finish(std::vector<int32_t>& ids) override {
    if (line_.empty()) return absl::OkStatus();
    HYDRA_RETURN_IF_ERROR(
        LibraryError("a line of text", library_->Encode({line_.data(), line_.size()}, ids)));
    line_.clear();
    return absl::OkStatus();
  }

 private:
  std::shared_ptr<const SentencePieceLibrary> library_;
  std::string line_;
};

class SentencePieceTokenizer final : public Tokenizer {
 public:
  SentencePieceTokenizer(std::string contents, std::shared_ptr<const SentencePieceLibrary> library)
      : contents_(std::move(contents)), library_(std::move(library)) {}

  absl::string_view name() const override { return kTokenizerModel; }
  absl::string_view contents() const override { return contents_; }
  int64_t vocab_size() const override { return library_->size(); }
  std::unique_ptr<TokenEncoder> NewEncoder() const override {
    return std::make_unique<LineEncoder>(library_);
  }

  std::vector<int32_t> document_end() const override {
    if (library_->end_id() >= 0) return {library_->end_id()};
    const absl::StatusOr<std::vector<int32_t>> line_break = Encode("\n");
    return line_break.ok() ? *line_break : std::vector<int32_t>();
  }

  absl::StatusOr<std::string> Decode(absl::Span<const int32_t> tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) HYDRA_RETURN_IF_ERROR(CheckId(i, tokens[i]));
    std::string text;
    HYDRA_RETURN_IF_ERROR(LibraryError(
        "tokens", library_->Decode(std::vector<int32_t>(tokens.begin(), tokens.end()), text)));
    return text;
  }

  // The library drops the space before the first word of a text; behind others it counts.
  absl::StatusOr<std::string> DecodeNext(int32_t token) const override {
    HYDRA_RETURN_IF_ERROR(CheckId(0, token));
    const std::string& piece = library_->Piece(token);
    switch (library_->KindOfPiece(token)) {
      case SentencePieceLibrary::Kind::kControl:
        return std::string();
      case SentencePieceLibrary::Kind::kByte:
        return std::string(1, static_cast<char>(std::stoi(piece.substr(3, 2), nullptr, 16)));
      case SentencePieceLibrary::Kind::kUnknown:
        return Decode({token});
      case SentencePieceLibrary::Kind::kText:
        break;
    }
    return absl::StrReplaceAll(piece, {{"\u2581", " "}});
  }

 private:
  absl::Status CheckId(size_t place, int32_t id) const {
    if (id >= 0 && id < vocab_size()) return absl::OkStatus();
    return FailureError(absl::StrCat("token ", place, " has id ", id,
                                     ", the tokenizer knows ids 0 to ", vocab_size() - 1));
  }

  std::string contents_;
  std::shared_ptr<const SentencePieceLibrary> library_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Tokenizer>> MakeSentencePieceTokenizer(std::string contents,
                                                                      absl::string_view source) {
  HYDRA_RETURN_IF_ERROR(CheckSentencePieceModel(contents, source));
  std::string error;
  std::shared_ptr<const SentencePieceLibrary> library =
      SentencePieceLibrary::Load({contents.data(), contents.size()}, error);
  HYDRA_RETURN_IF_ERROR(LibraryError(source, error));
  return std::make_unique<SentencePieceTokenizer>(std::move(contents), std::move(library));
}

}  // namespace hydra::data
