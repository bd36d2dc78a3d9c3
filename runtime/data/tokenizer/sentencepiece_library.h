// The SentencePiece library behind an interface of the standard library alone: its header declares
// an absl::string_view that is not Abseil's, so that no file can include both.
#ifndef HYDRA_RUNTIME_DATA_TOKENIZER_SENTENCEPIECE_LIBRARY_H_
#define HYDRA_RUNTIME_DATA_TOKENIZER_SENTENCEPIECE_LIBRARY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hydra::data {

// A loaded model. Immutable; thread-safe. Ids must lie in [0, size()).
class SentencePieceLibrary {
 public:
  // nullptr, and the reason, for what the library refuses. It takes much on trust: see
  // sentencepiece_check.h.
  static std::unique_ptr<const SentencePieceLibrary> Load(std::string_view model,
                                                          std::string& error);
  ~SentencePieceLibrary();
  SentencePieceLibrary(const SentencePieceLibrary&) = delete;
  SentencePieceLibrary& operator=(const SentencePieceLibrary&) = delete;

  int32_t size() const;
  // The id that ends a text; -1: none.
  int32_t end_id() const;

  // Adds the ids of a text, or gives the text of ids. The error is "" if there is none.
  std::string Encode(std::string_view text, std::vector<int32_t>& ids) const;
  std::string Decode(const std::vector<int32_t>& ids, std::string& text) const;

  enum class Kind { kText, kControl, kByte, kUnknown };
  Kind KindOfPiece(int32_t id) const;
  // As the model writes it, with U+2581 for spaces.
  const std::string& Piece(int32_t id) const;

 private:
  struct Processor;
  explicit SentencePieceLibrary(std::unique_ptr<Processor> processor);
  std::unique_ptr<Processor> processor_;
};

}  // namespace hydra::data

#endif  // HYDRA_RUNTIME_DATA_TOKENIZER_SENTENCEPIECE_LIBRARY_H_
