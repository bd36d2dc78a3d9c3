// A file mapped read-only into memory.
#ifndef HYDRA_RUNTIME_IO_MAPPED_FILE_H_
#define HYDRA_RUNTIME_IO_MAPPED_FILE_H_

#include <cstdint>
#include <string>

#include "absl/types/span.h"
#include "runtime/base/status.h"
#include "runtime/io/posix_file.h"

namespace hydra {

// Owns the mapping; bytes() stays valid, at the same address, until the object that finally owns
// the mapping is destroyed (moving does not change it). Thread-safe to read.
//
// The file must not be shortened while its mapping is read: a vanished page of bytes() raises
// SIGBUS, which no check can prevent. Programs therefore take what they need with Read(), which
// makes it an error; bytes() says where things are, and is for files that nobody shortens.
class MappedFile {
 public:
  // kInput for what is missing, no regular file, or may not be read.
  static absl::StatusOr<MappedFile> Open(const std::string& path);

  MappedFile() = default;
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  absl::Span<const uint8_t> bytes() const { return bytes_; }
  // Copies bytes from `offset` by reading the file, not the mapping. kInput if it was shortened.
  absl::Status Read(uint64_t offset, absl::Span<uint8_t> to) const;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  FileDescriptor file_;
  absl::Span<const uint8_t> bytes_;
};

}  // namespace hydra

#endif  // HYDRA_RUNTIME_IO_MAPPED_FILE_H_
