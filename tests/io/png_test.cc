// PNG files: what a reader finds in them.
#include "runtime/io/png.h"

#include <zlib.h>

#include <string>

#include "gtest/gtest.h"

namespace hydra {
namespace {

uint32_t NumberAt(const std::string& bytes, size_t place) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[place + i]);
  return value;
}

TEST(PngTest, HoldsThePixels) {
  Picture picture(3, 2, {1, 2, 3});
  picture.at(2, 1) = {250, 251, 252};
  const absl::StatusOr<std::string> png = EncodePng(picture);
  ASSERT_TRUE(png.ok()) << png.status();
  EXPECT_EQ(png->substr(0, 8), std::string("\x89PNG\r\n\x1a\n", 8));
  // Every chunk has its length and a checksum of type and data.
  std::string names, data;
  for (size_t place = 8; place < png->size();) {
    const uint32_t size = NumberAt(*png, place);
    const std::string named = png->substr(place + 4, size + 4);
    EXPECT_EQ(
        NumberAt(*png, place + 8 + size),
        crc32(0, reinterpret_cast<const Bytef*>(named.data()), static_cast<uInt>(named.size())));
    names += named.substr(0, 4) + " ";
    if (named.substr(0, 4) == "IHDR") {
      EXPECT_EQ(NumberAt(named, 4), 3u);
      EXPECT_EQ(NumberAt(named, 8), 2u);
      EXPECT_EQ(named.substr(12), std::string("\x08\x02\0\0\0", 5));
    }
    if (named.substr(0, 4) == "IDAT") data = named.substr(4);
    place += size + 12;
  }
  EXPECT_EQ(names, "IHDR IDAT IEND ");
  std::string rows(20, '?');
  uLongf size = rows.size();
  ASSERT_EQ(uncompress(reinterpret_cast<Bytef*>(rows.data()), &size,
                       reinterpret_cast<const Bytef*>(data.data()), data.size()),
            Z_OK);
  EXPECT_EQ(size, rows.size());
  EXPECT_EQ(rows, std::string("\0\1\2\3\1\2\3\1\2\3\0\1\2\3\1\2\3\xfa\xfb\xfc", 20));
}

}  // namespace
}  // namespace hydra
