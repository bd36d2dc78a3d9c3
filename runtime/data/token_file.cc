#include "runtime/data/token_file.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "runtime/io/atomic_file.h"

static_assert(std::endian::native == std::endian::little, "token files are little-endian");

namespace hydra::data {
namespace {

constexpr char kMagic[] = "HYDRATOK";
constexpr uint32_t kVersion = 1;

struct Header {
  char magic[8];
  uint32_t version;
  uint32_t width;
  uint64_t vocab_size;
  uint64_t count;
  uint64_t hash_high;
  uint64_t hash_low;
  uint64_t zero;
  uint64_t header_hash;
};
static_assert(sizeof(Header) == kTokenFileHeaderBytes);

uint64_t HashOfHeader(const Header& header) {
  return Hash64(
      absl::string_view(reinterpret_cast<const char*>(&header), offsetof(Header, header_hash)));
}

uint32_t WidthFor(int64_t vocab_size) {
  if (vocab_size <= 1 << 8) return 1;
  if (vocab_size <= 1 << 16) return 2;
  return 4;
}

uint32_t Load(const uint8_t* bytes, uint32_t width) {
  uint32_t value = 0;
  std::memcpy(&value, bytes, width);
  return value;
}

absl::Status Damaged(const std::string& path, absl::string_view what) {
  return InputError(absl::StrCat(path, ": ", what, "; make it again with 'hydra-run data text'"));
}

absl::Status CheckHeader(const std::string& path, const Header& header, uint64_t file_bytes) {
  if (std::memcmp(header.magic, kMagic, sizeof(header.magic)) != 0) {
    return Damaged(path, "is no token file: expected \"HYDRATOK\" at byte 0");
  }
  if (header.version != kVersion) {
    return Damaged(path, absl::StrCat("has token file version ", header.version,
                                      " (byte 8), this program reads version ", kVersion));
  }
  if (HashOfHeader(header) != header.header_hash) {
    return Damaged(path, "the header (bytes 0 to 63) is damaged: its hash does not match");
  }
  if (header.width != 1 && header.width != 2 && header.width != 4) {
    return Damaged(
        path, absl::StrCat("has ", header.width, " bytes per id (byte 12), expected 1, 2 or 4"));
  }
  if (header.vocab_size == 0 || header.vocab_size > std::numeric_limits<int32_t>::max()) {
    return Damaged(path, absl::StrCat("has vocabulary size ", header.vocab_size,
                                      " (byte 16), expected 1 to 2147483647"));
  }
  const uint64_t body = file_bytes - kTokenFileHeaderBytes;
  if (header.count > body / header.width || header.count * header.width != body) {
    return Damaged(path, absl::StrCat("has ", body, " bytes of ids, the header promises ",
                                      header.count, " ids of ", header.width, " bytes"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteTokenFile(const std::string& path, absl::Span<const int32_t> tokens,
                            int64_t vocab_size) {
  if (vocab_size <= 0 || vocab_size > std::numeric_limits<int32_t>::max()) {
    return UsageError(
        absl::StrCat(path, ": vocabulary size ", vocab_size, " must lie in 1 to 2147483647"));
  }
  const uint32_t width = WidthFor(vocab_size);
  std::vector<uint8_t> bytes(tokens.size() * width);
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] < 0 || tokens[i] >= vocab_size) {
      return FailureError(absl::StrCat(path, ": token ", i, " has id ", tokens[i],
                                       ", the vocabulary has ids 0 to ", vocab_size - 1));
    }
    std::memcpy(bytes.data() + i * width, &tokens[i], width);
  }
  const Hash128 hash = HashBytes(bytes);
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof(header.magic));
  header.version = kVersion;
  header.width = width;
  header.vocab_size = static_cast<uint64_t>(vocab_size);
  header.count = tokens.size();
  header.hash_high = hash.high;
  header.hash_low = hash.low;
  header.header_hash = HashOfHeader(header);
  HYDRA_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  HYDRA_RETURN_IF_ERROR(
      file.Append(absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(&header), sizeof(header))));
  HYDRA_RETURN_IF_ERROR(file.Append(absl::MakeConstSpan(bytes)));
  return file.Commit();
}

absl::StatusOr<TokenFile> TokenFile::Open(const std::string& path) {
  HYDRA_ASSIGN_OR_RETURN(MappedFile mapped, MappedFile::Open(path));
  const absl::Span<const uint8_t> bytes = mapped.bytes();
  if (bytes.size() < kTokenFileHeaderBytes) {
    return Damaged(path, absl::StrCat("has ", bytes.size(), " bytes, a token file has at least ",
                                      kTokenFileHeaderBytes));
  }
  Header header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  HYDRA_RETURN_IF_ERROR(CheckHeader(path, header, bytes.size()));
  const Hash128 expected{.high = header.hash_high, .low = header.hash_low};
  if (HashBytes(bytes.subspan(kTokenFileHeaderBytes)) != expected) {
    return Damaged(path, "the ids (from byte 64) are damaged: their hash does not match");
  }
  TokenFile file(std::move(mapped));
  file.ids_ = bytes.data() + kTokenFileHeaderBytes;
  file.count_ = header.count;
  file.vocab_size_ = static_cast<int64_t>(header.vocab_size);
  file.width_ = header.width;
  file.hash_ = expected;
  for (uint64_t i = 0; i < file.count_; ++i) {
    if (Load(file.ids_ + i * file.width_, file.width_) >= header.vocab_size) {
      return Damaged(path,
                     absl::StrCat("token ", i, " at byte ", kTokenFileHeaderBytes + i * file.width_,
                                  " is outside the vocabulary of ", file.vocab_size_));
    }
  }
  return file;
}

void TokenFile::Read(uint64_t first, absl::Span<int32_t> out) const {
  const uint8_t* from = ids_ + first * width_;
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<int32_t>(Load(from + i * width_, width_));
  }
}

}  // namespace hydra::data
