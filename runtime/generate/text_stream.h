// Text that appears piece by piece: whole characters only, and nothing that belongs to the stop
// text.
#ifndef HYDRA_RUNTIME_GENERATE_TEXT_STREAM_H_
#define HYDRA_RUNTIME_GENERATE_TEXT_STREAM_H_

#include <functional>
#include <string>

#include "absl/strings/string_view.h"

namespace hydra::generate {

// Not thread-safe.
class TextStream {
 public:
  // `emit` gets pieces that end between UTF-8 characters. `stop` may be empty.
  TextStream(std::string stop, std::function<void(absl::string_view)> emit);

  // Adds bytes. Returns true once the stop text has appeared; what came before it has been emitted.
  bool Append(absl::string_view bytes);
  // Emits what is still held back.
  void Finish();

  // Everything emitted.
  const std::string& text() const { return text_; }

 private:
  void Emit(size_t bytes);

  std::string stop_;
  std::function<void(absl::string_view)> emit_;
  std::string pending_;
  std::string text_;
};

}  // namespace hydra::generate

#endif  // HYDRA_RUNTIME_GENERATE_TEXT_STREAM_H_
