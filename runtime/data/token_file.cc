#include "runtime/data/token_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

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
  HYDRA_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  return WriteTokenFile(std::move(file), tokens, vocab_size).status();
}

absl::StatusOr<Hash128> WriteTokenFile(AtomicFile file, absl::Span<const int32_t> tokens,
                                       int64_t vocab_size) {
  HYDRA_ASSIGN_OR_RETURN(TokenFileWriter writer,
                         TokenFileWriter::Create(std::move(file), vocab_size));
  HYDRA_RETURN_IF_ERROR(writer.Append(tokens));
  return writer.Finish();
}

absl::StatusOr<TokenFileWriter> TokenFileWriter::Create(AtomicFile file, int64_t vocab_size) {
  if (vocab_size <= 0 || vocab_size > std::numeric_limits<int32_t>::max()) {
    return UsageError(absl::StrCat(file.path(), ": vocabulary size ", vocab_size,
                                   " must lie in 1 to 2147483647"));
  }
  // The header's place; what it says is known at the end.
  const Header header{};
  HYDRA_RETURN_IF_ERROR(
      file.Append(absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(&header), sizeof(header))));
  return TokenFileWriter(std::move(file), vocab_size, WidthFor(vocab_size));
}

absl::Status TokenFileWriter::Append(absl::Span<const int32_t> tokens) {
  bytes_.resize(tokens.size() * width_);
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] < 0 || tokens[i] >= vocab_size_) {
      return FailureError(absl::StrCat(file_.path(), ": token ", count_ + i, " has id ", tokens[i],
                                       ", the vocabulary has ids 0 to ", vocab_size_ - 1));
    }
    std::memcpy(bytes_.data() + i * width_, &tokens[i], width_);
  }
  hasher_.Update(bytes_);
  count_ += tokens.size();
  return file_.Append(absl::MakeConstSpan(bytes_));
}

absl::StatusOr<Hash128> TokenFileWriter::Finish() {
  const Hash128 hash = hasher_.Digest();
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof(header.magic));
  header.version = kVersion;
  header.width = width_;
  header.vocab_size = static_cast<uint64_t>(vocab_size_);
  header.count = count_;
  header.hash_high = hash.high;
  header.hash_low = hash.low;
  header.header_hash = HashOfHeader(header);
  HYDRA_RETURN_IF_ERROR(file_.WriteAt(
      0, absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(&header), sizeof(header))));
  HYDRA_RETURN_IF_ERROR(file_.Commit());
  return hash;
}

absl::StatusOr<TokenFile> TokenFile::Open(const std::string& path) {
  // O_NONBLOCK: a FIFO that nobody writes is refused below, not waited for.
  HYDRA_ASSIGN_OR_RETURN(FileDescriptor opened, OpenFile(path, O_RDONLY | O_NONBLOCK));
  struct stat info;
  if (::fstat(opened.get(), &info) != 0) return ErrnoStatus(errno, "stat", path, ErrorKind::kInput);
  if (!S_ISREG(info.st_mode)) return Damaged(path, "is no regular file");
  const uint64_t file_bytes = static_cast<uint64_t>(info.st_size);
  if (file_bytes < kTokenFileHeaderBytes) {
    return Damaged(path, absl::StrCat("has ", file_bytes, " bytes, a token file has at least ",
                                      kTokenFileHeaderBytes));
  }
  Header header;
  HYDRA_RETURN_IF_ERROR(ReadAllAt(
      opened, path, absl::MakeSpan(reinterpret_cast<uint8_t*>(&header), sizeof(header)), 0));
  HYDRA_RETURN_IF_ERROR(CheckHeader(path, header, file_bytes));
  TokenFile file(path, std::move(opened));
  file.count_ = header.count;
  file.vocab_size_ = static_cast<int64_t>(header.vocab_size);
  file.width_ = header.width;
  file.hash_ = {.high = header.hash_high, .low = header.hash_low};
  return file;
}

absl::Status TokenFile::Verify() const {
  constexpr uint64_t kPiece = 1 << 18;
  std::vector<int32_t> ids(std::min(kPiece, count_));
  std::vector<uint8_t> bytes;
  Hasher hasher;
  for (uint64_t first = 0; first < count_; first += ids.size()) {
    ids.resize(std::min(kPiece, count_ - first));
    HYDRA_RETURN_IF_ERROR(Read(first, absl::MakeSpan(ids)));
    bytes.resize(ids.size() * width_);
    for (size_t i = 0; i < ids.size(); ++i) {
      std::memcpy(bytes.data() + i * width_, &ids[i], width_);
    }
    hasher.Update(bytes);
  }
  if (hasher.Digest() == hash_) return absl::OkStatus();
  return Damaged(path_, "the ids (from byte 64) are damaged: their hash does not match");
}

void TokenFile::Prefetch(uint64_t first, uint64_t count) const {
  // What the system makes of advice is its affair.
  ::posix_fadvise(file_.get(), static_cast<off_t>(kTokenFileHeaderBytes + first * width_),
                  static_cast<off_t>(count * width_), POSIX_FADV_WILLNEED);
}

absl::Status TokenFile::Read(uint64_t first, absl::Span<int32_t> out) const {
  // The packed ids go to the end of `out` and are widened from its beginning: what is written never
  // reaches what is still to be read.
  const absl::Span<uint8_t> packed =
      absl::MakeSpan(reinterpret_cast<uint8_t*>(out.data()), out.size() * sizeof(int32_t))
          .last(out.size() * width_);
  HYDRA_RETURN_IF_ERROR(ReadAllAt(file_, path_, packed, kTokenFileHeaderBytes + first * width_));
  for (size_t i = 0; i < out.size(); ++i) {
    const uint32_t id = Load(packed.data() + i * width_, width_);
    if (id >= static_cast<uint64_t>(vocab_size_)) {
      const uint64_t token = first + i;
      return Damaged(
          path_, absl::StrCat("token ", token, " at byte ", kTokenFileHeaderBytes + token * width_,
                              " has id ", id, ", outside the vocabulary of ", vocab_size_));
    }
    out[i] = static_cast<int32_t>(id);
  }
  return absl::OkStatus();
}

}  // namespace hydra::data
