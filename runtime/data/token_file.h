// Token files: a fixed header and the ids of one long text, read piece by piece.
//
// Layout, little-endian; the ids start at byte 64:
//   0   8  magic "HYDRATOK"
//   8   4  version, 1
//   12  4  bytes per id: 1, 2 or 4
//   16  8  vocabulary size; every id is below it
//   24  8  number of ids
//   32 16  XXH3-128 of the id bytes, high half first
//   48  8  zero
//   56  8  XXH3-64 of bytes 0 .. 55
#ifndef HYDRA_RUNTIME_DATA_TOKEN_FILE_H_
#define HYDRA_RUNTIME_DATA_TOKEN_FILE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "runtime/base/hash.h"
#include "runtime/base/status.h"
#include "runtime/io/atomic_file.h"
#include "runtime/io/posix_file.h"

namespace hydra::data {

inline constexpr size_t kTokenFileHeaderBytes = 64;

// A token file that is written piece by piece, with the narrowest width that holds the vocabulary.
// Not thread-safe; movable.
class TokenFileWriter {
 public:
  // kUsage for a vocabulary that ids of 31 bits do not hold.
  static absl::StatusOr<TokenFileWriter> Create(AtomicFile file, int64_t vocab_size);
  // A failure names the first id outside [0, vocab_size).
  absl::Status Append(absl::Span<const int32_t> tokens);
  // Writes the header, commits the file and returns the hash of the id bytes.
  absl::StatusOr<Hash128> Finish();

 private:
  TokenFileWriter(AtomicFile file, int64_t vocab_size, uint32_t width)
      : file_(std::move(file)), vocab_size_(vocab_size), width_(width) {}
  AtomicFile file_;
  int64_t vocab_size_;
  uint32_t width_;
  uint64_t count_ = 0;
  Hasher hasher_;
  std::vector<uint8_t> bytes_;
};

// Writes `tokens` with the narrowest width that holds the vocabulary, and commits the file; returns
// the hash of the id bytes. kUsage names the first id outside [0, vocab_size).
absl::StatusOr<Hash128> WriteTokenFile(AtomicFile file, absl::Span<const int32_t> tokens,
                                       int64_t vocab_size);
absl::Status WriteTokenFile(const std::string& path, absl::Span<const int32_t> tokens,
                            int64_t vocab_size);

// An open token file. Immutable after Open; thread-safe.
class TokenFile {
 public:
  // Checks header and size; the ids, of which there may be billions, are not looked at. kInput
  // with the byte offset.
  static absl::StatusOr<TokenFile> Open(const std::string& path);

  // Reads the whole file: kInput unless the hash is right and every id below the vocabulary size.
  absl::Status Verify() const;

  uint64_t size() const { return count_; }
  int64_t vocab_size() const { return vocab_size_; }
  uint32_t token_width() const { return width_; }
  const Hash128& hash() const { return hash_; }
  const std::string& path() const { return path_; }

  // Copies ids [first, first + out.size()), which must lie inside the file, without allocating.
  // kInput names the id that is outside the vocabulary, or says that the file was shortened.
  absl::Status Read(uint64_t first, absl::Span<int32_t> out) const;
  // Tells the system that these ids, which lie inside the file, are read soon.
  void Prefetch(uint64_t first, uint64_t count) const;

 private:
  TokenFile(std::string path, FileDescriptor file)
      : path_(std::move(path)), file_(std::move(file)) {}

  std::string path_;
  FileDescriptor file_;
  uint64_t count_ = 0;
  int64_t vocab_size_ = 0;
  uint32_t width_ = 1;
  Hash128 hash_;
};

}  // namespace hydra::data

#endif  // HYDRA_RUNTIME_DATA_TOKEN_FILE_H_
