#include "runtime/io/png.h"

#include <zlib.h>

#include "absl/strings/string_view.h"

namespace hydra {
namespace {

void AppendNumber(uint32_t value, std::string& out) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

// Length, type and data, and a checksum of the last two.
void AppendChunk(absl::string_view type, absl::string_view data, std::string& out) {
  AppendNumber(static_cast<uint32_t>(data.size()), out);
  const size_t begin = out.size();
  out.append(type.data(), type.size());
  out.append(data.data(), data.size());
  const auto* bytes = reinterpret_cast<const Bytef*>(out.data() + begin);
  AppendNumber(static_cast<uint32_t>(crc32(0, bytes, static_cast<uInt>(out.size() - begin))), out);
}

}  // namespace

absl::StatusOr<std::string> EncodePng(const Picture& picture) {
  std::string raw;
  raw.reserve((static_cast<size_t>(picture.width) * 3 + 1) * picture.height);
  for (int y = 0; y < picture.height; ++y) {
    raw.push_back(0);  // this row is not filtered
    for (int x = 0; x < picture.width; ++x) {
      const Rgb& pixel = picture.pixels[static_cast<size_t>(y) * picture.width + x];
      for (const uint8_t channel : {pixel.red, pixel.green, pixel.blue}) {
        raw.push_back(static_cast<char>(channel));
      }
    }
  }
  uLongf size = compressBound(raw.size());
  std::string packed(size, '\0');
  const int code = compress(reinterpret_cast<Bytef*>(packed.data()), &size,
                            reinterpret_cast<const Bytef*>(raw.data()), raw.size());
  if (code != Z_OK) return FailureError(absl::StrCat("zlib: error ", code, " while packing"));
  packed.resize(size);

  std::string header;
  AppendNumber(static_cast<uint32_t>(picture.width), header);
  AppendNumber(static_cast<uint32_t>(picture.height), header);
  // 8 bits per channel, colour, and the only methods there are, not interlaced.
  header.append({8, 2, 0, 0, 0});
  std::string out("\x89PNG\r\n\x1a\n", 8);
  AppendChunk("IHDR", header, out);
  AppendChunk("IDAT", packed, out);
  AppendChunk("IEND", "", out);
  return out;
}

}  // namespace hydra
