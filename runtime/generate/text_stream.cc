#include "runtime/generate/text_stream.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace hydra::generate {
namespace {

// Bytes of the longest suffix of `text` that the stop text begins with.
size_t StopPrefix(absl::string_view text, absl::string_view stop) {
  for (size_t size = std::min(text.size(), stop.empty() ? 0 : stop.size() - 1); size > 0; --size) {
    if (text.substr(text.size() - size) == stop.substr(0, size)) return size;
  }
  return 0;
}

// Bytes at the end of `text` that begin a UTF-8 character but do not complete it.
size_t IncompleteCharacter(absl::string_view text) {
  for (size_t back = 1; back <= std::min<size_t>(3, text.size()); ++back) {
    const uint8_t byte = static_cast<uint8_t>(text[text.size() - back]);
    if ((byte & 0xC0) == 0x80) continue;
    const size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

}  // namespace

TextStream::TextStream(std::string stop, std::function<void(absl::string_view)> emit)
    : stop_(std::move(stop)), emit_(std::move(emit)) {}

void TextStream::Emit(size_t bytes) {
  if (bytes == 0) return;
  const absl::string_view piece = absl::string_view(pending_).substr(0, bytes);
  text_.append(piece.data(), piece.size());
  emit_(piece);
  pending_.erase(0, bytes);
}

bool TextStream::Append(absl::string_view bytes) {
  pending_.append(bytes.data(), bytes.size());
  if (!stop_.empty()) {
    if (const size_t found = pending_.find(stop_); found != std::string::npos) {
      Emit(found);
      pending_.clear();
      return true;
    }
  }
  const size_t held = StopPrefix(pending_, stop_);
  const absl::string_view free = absl::string_view(pending_).substr(0, pending_.size() - held);
  Emit(free.size() - IncompleteCharacter(free));
  return false;
}

void TextStream::Finish() { Emit(pending_.size()); }

}  // namespace hydra::generate
