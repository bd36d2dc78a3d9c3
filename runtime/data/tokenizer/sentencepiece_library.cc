#include "runtime/data/tokenizer/sentencepiece_library.h"

#include <sentencepiece_processor.h>

#include <exception>
#include <utility>

namespace hydra::data {

struct SentencePieceLibrary::Processor : sentencepiece::SentencePieceProcessor {};

namespace {

// The library reports most errors and throws the others.
template <typename Call>
std::string ErrorOf(const Call& call) {
  try {
    const sentencepiece::util::Status status = call();
    return status.ok() ? std::string() : status.ToString();
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace

SentencePieceLibrary::SentencePieceLibrary(std::unique_ptr<Processor> processor)
    : processor_(std::move(processor)) {}
SentencePieceLibrary::~SentencePieceLibrary() = default;

std::unique_ptr<const SentencePieceLibrary> SentencePieceLibrary::Load(std::string_view model,
                                                                       std::string& error) {
  auto processor = std::make_unique<Processor>();
  error = ErrorOf([&] { return processor->LoadFromSerializedProto(model); });
  if (!error.empty()) return nullptr;
  return std::unique_ptr<const SentencePieceLibrary>(
      new SentencePieceLibrary(std::move(processor)));
}

int32_t SentencePieceLibrary::size() const { return processor_->GetPieceSize(); }
int32_t SentencePieceLibrary::end_id() const { return processor_->eos_id(); }

std::string SentencePieceLibrary::Encode(std::string_view text, std::vector<int32_t>& ids) const {
  std::vector<int> found;
  std::string error = ErrorOf([&] { return processor_->Encode(text, &found); });
  ids.insert(ids.end(), found.begin(), found.end());
  return error;
}

std::string SentencePieceLibrary::Decode(const std::vector<int32_t>& ids, std::string& text) const {
  return ErrorOf([&] { return processor_->Decode(ids, &text); });
}

SentencePieceLibrary::Kind SentencePieceLibrary::KindOfPiece(int32_t id) const {
  if (processor_->IsControl(id)) return Kind::kControl;
  if (processor_->IsByte(id)) return Kind::kByte;
  return processor_->IsUnknown(id) ? Kind::kUnknown : Kind::kText;
}

const std::string& SentencePieceLibrary::Piece(int32_t id) const {
  return processor_->IdToPiece(id);
}

}  // namespace hydra::data
