// mmap(2) behind mapped_file.h.
#include "runtime/io/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

namespace hydra {

absl::StatusOr<MappedFile> MappedFile::Open(const std::string& path) {
  HYDRA_ASSIGN_OR_RETURN(FileDescriptor file, OpenFile(path, O_RDONLY | O_NONBLOCK));
  struct stat info;
  if (::fstat(file.get(), &info) != 0) return ErrnoStatus(errno, "stat", path, ErrorKind::kInput);
  if (!S_ISREG(info.st_mode)) {
    return InputError(absl::StrCat(path, ": expected a regular file, found a ",
                                   S_ISDIR(info.st_mode) ? "directory" : "device"));
  }
  MappedFile mapped;
  mapped.path_ = path;
  if (info.st_size > 0) {  // an empty mapping is not allowed; an empty file is
    const size_t size = static_cast<size_t>(info.st_size);
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (address == MAP_FAILED) return ErrnoStatus(errno, "map", path, ErrorKind::kInput);
    mapped.bytes_ = {static_cast<const uint8_t*>(address), size};
  }
  mapped.file_ = std::move(file);
  return mapped;
}

absl::Status MappedFile::Read(uint64_t offset, absl::Span<uint8_t> to) const {
  return ReadAllAt(file_, path_, to, offset);
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<uint8_t*>(bytes_.data()), bytes_.size());
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      file_(std::move(other.file_)),
      bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  // The old mapping leaves with `other`.
  std::swap(path_, other.path_);
  std::swap(file_, other.file_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

}  // namespace hydra
