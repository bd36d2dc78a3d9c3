// Atomic replacement of one file.
#include "runtime/io/atomic_file.h"

#include <unistd.h>

#include <utility>

#include "runtime/io/temporary.h"

namespace hydra {

AtomicFile::AtomicFile(std::string path, std::string temporary, FileDescriptor file)
    : path_(std::move(path)), temporary_(std::move(temporary)), file_(std::move(file)) {}

absl::StatusOr<AtomicFile> AtomicFile::Create(const std::string& path) {
  // Leftovers are nobody's reason to fail: a directory that cannot be listed can be written to.
  RemoveStaleTemporaries(ParentDirectory(path), FileName(path)).IgnoreError();
  HYDRA_ASSIGN_OR_RETURN(Temporary temporary, CreateTemporaryFile(path));
  return AtomicFile(path, std::move(temporary.path), std::move(temporary.file));
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      file_(std::move(other.file_)),
      end_(other.end_),
      hasher_(std::move(other.hasher_)),
      hashed_(other.hashed_),
      in_order_(other.in_order_) {}

AtomicFile& AtomicFile::operator=(AtomicFile&& other) noexcept {
  // The old temporary leaves, and is removed, with `other`.
  std::swap(path_, other.path_);
  std::swap(temporary_, other.temporary_);
  std::swap(file_, other.file_);
  std::swap(end_, other.end_);
  std::swap(hasher_, other.hasher_);
  std::swap(hashed_, other.hashed_);
  std::swap(in_order_, other.in_order_);
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
  if (offset == hashed_) {
    hasher_.Update(bytes);
    hashed_ += bytes.size();
  } else {
    in_order_ = false;
  }
  return WriteAllAt(file_, temporary_, bytes, offset);
}

absl::StatusOr<FileDigest> AtomicFile::Digest() const {
  if (in_order_) return FileDigest{.bytes = hashed_, .hash = hasher_.Digest()};
  return FailureError(
      absl::StrCat(path_, ": has no digest, since it was not written front to back"));
}

absl::Status AtomicFile::Commit() {
  HYDRA_RETURN_IF_ERROR(CheckOpen());
  HYDRA_RETURN_IF_ERROR(SyncFile(file_, temporary_));
  if (temporary_ == path_) {
    temporary_.clear();
    file_.Reset();
    return absl::OkStatus();
  }
  HYDRA_RETURN_IF_ERROR(RenamePath(temporary_, path_));
  temporary_.clear();
  file_.Reset();  // only now: until it has its name, the lock keeps cleaners away
  return SyncDirectory(ParentDirectory(path_));
}

absl::Status WriteFileAtomically(const std::string& path, absl::string_view contents) {
  HYDRA_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  HYDRA_RETURN_IF_ERROR(file.Append(contents));
  return file.Commit();
}

}  // namespace hydra
