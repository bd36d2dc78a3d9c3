// Pictures as PNG files, 8 bits per channel, no transparency.
#ifndef HYDRA_RUNTIME_IO_PNG_H_
#define HYDRA_RUNTIME_IO_PNG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "runtime/base/status.h"

namespace hydra {

struct Rgb {
  uint8_t red = 0, green = 0, blue = 0;

  friend bool operator==(const Rgb&, const Rgb&) = default;
};

// Rows from the top, each from the left.
struct Picture {
  Picture(int wide, int high, Rgb background)
      : width(wide), height(high), pixels(static_cast<size_t>(wide) * high, background) {}
  Rgb& at(int x, int y) { return pixels[static_cast<size_t>(y) * width + x]; }

  int width, height;
  std::vector<Rgb> pixels;
};

// The bytes of a file. A failure if zlib fails.
absl::StatusOr<std::string> EncodePng(const Picture& picture);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_IO_PNG_H_
