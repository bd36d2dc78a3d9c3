// Atomic replacement of one file.
#include "runtime/io/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

namespace hydra {

AtomicFile::AtomicFile(std::string path, std::string temporary, FileDescriptor file)
    : path_(std::move(path)), temporary_(std::move(temporary)), file_(std::move(file)) {}

absl::StatusOr<AtomicFile> AtomicFile::Create(const std::string& path) {
  // Names taken by other writers of this process, or left by a crashed one, are passed over.
  constexpr int kAttempts = 1000;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::string temporary = TemporaryPath(path, attempt);
    const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0) return AtomicFile(path, std::move(temporary), FileDescriptor(fd));
    if (errno != EEXIST && errno != EINTR) return ErrnoStatus(errno, "create", temporary);
  }
  return FailureError(absl::StrCat(path, ": ", kAttempts,
                                   " temporary files stand beside it; remove '", path, ".tmp-*'"));
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      file_(std::move(other.file_)),
      end_(other.end_) {}

AtomicFile& AtomicFile::operator=(AtomicFile&& other) noexcept {
  // The old temporary leaves, and is removed, with `other`.
  std::swap(path_, other.path_);
  std::swap(temporary_, other.temporary_);
  std::swap(file_, other.file_);
  std::swap(end_, other.end_);
  return *this;
}

absl::Status AtomicFile::CheckOpen() const {
  if (file_.valid()) return absl::OkStatus();
  return FailureError(absl::StrCat(path_, ": written after it was committed"));
}

absl::Status AtomicFile::Append(absl::Span<const uint8_t> bytes) {
  HYDRA_RETURN_IF_ERROR(WriteAt(end_, bytes));
  end_ += bytes.size();
  return absl::OkStatus();
}

absl::Status AtomicFile::Append(absl::string_view text) {
  return Append(
      absl::Span<const uint8_t>(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

absl::Status AtomicFile::WriteAt(uint64_t offset, absl::Span<const uint8_t> bytes) {
  HYDRA_RETURN_IF_ERROR(CheckOpen());
  return WriteAllAt(file_, temporary_, bytes, offset);
}

absl::Status AtomicFile::Commit() {
  HYDRA_RETURN_IF_ERROR(CheckOpen());
  HYDRA_RETURN_IF_ERROR(SyncFile(file_, temporary_));
  file_.Reset();
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) {
    return ErrnoStatus(errno, absl::StrCat("rename from ", temporary_), path_);
  }
  temporary_.clear();
  return SyncDirectory(ParentDirectory(path_));
}

absl::Status WriteFileAtomically(const std::string& path, absl::string_view contents) {
  HYDRA_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  HYDRA_RETURN_IF_ERROR(file.Append(contents));
  return file.Commit();
}

}  // namespace hydra
