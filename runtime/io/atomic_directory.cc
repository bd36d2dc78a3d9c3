// Atomic publication of a directory.
#include <fcntl.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "runtime/io/atomic_file.h"
#include "runtime/io/temporary.h"

namespace hydra {
namespace {

namespace fs = std::filesystem;

// What steps aside is called TARGET.tmp-XXXXXXXXXXXXXXXX.replaced: with its random digits it is
// surely not the user's, and without them at the end it is no temporary, for it may be the only
// copy.
constexpr absl::string_view kReplaced = ".replaced";

// "DIR/" and "DIR" are the same directory; suffixes go after the name.
std::string WithoutTrailingSlashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::string ReplacedPath(const std::string& target) {
  return absl::StrCat(TemporaryPath(target), kReplaced);
}

}  // namespace

absl::string_view ReplacedBase(absl::string_view name) {
  if (name.size() <= kReplaced.size() || name.substr(name.size() - kReplaced.size()) != kReplaced) {
    return "";
  }
  return TemporaryBase(name.substr(0, name.size() - kReplaced.size()));
}

absl::Status RecoverReplaced(const std::string& path) {
  const std::string target = WithoutTrailingSlashes(path);
  const std::string base = FileName(target);
  std::vector<std::string> found;
  std::error_code error;
  fs::directory_iterator entries(ParentDirectory(target), error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    if (ReplacedBase(entries->path().filename().string()) == base) {
      found.push_back(entries->path().string());
    }
  }
  if (error) return ErrnoStatus(error.value(), "list", ParentDirectory(target));
  for (const std::string& replaced : found) {
    if (PathExists(target)) {
      HYDRA_RETURN_IF_ERROR(RemoveTree(replaced));
    } else {
      HYDRA_RETURN_IF_ERROR(RenamePath(replaced, target));
      HYDRA_RETURN_IF_ERROR(SyncDirectory(ParentDirectory(target)));
    }
  }
  return absl::OkStatus();
}

AtomicDirectory::AtomicDirectory(std::string path, std::string temporary, FileDescriptor lock)
    : path_(std::move(path)), temporary_(std::move(temporary)), lock_(std::move(lock)) {}

absl::StatusOr<AtomicDirectory> AtomicDirectory::Create(const std::string& path) {
  const std::string target = WithoutTrailingSlashes(path);
  HYDRA_RETURN_IF_ERROR(RecoverReplaced(target));
  RemoveStaleTemporaries(ParentDirectory(target), FileName(target)).IgnoreError();
  HYDRA_ASSIGN_OR_RETURN(Temporary temporary, CreateTemporaryDirectory(target));
  return AtomicDirectory(target, std::move(temporary.path), std::move(temporary.file));
}

AtomicDirectory::~AtomicDirectory() {
  // A destructor has nobody to report to; what cannot be removed is stale and found later.
  if (!temporary_.empty()) RemoveTree(temporary_).IgnoreError();
}

AtomicDirectory::AtomicDirectory(AtomicDirectory&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      lock_(std::move(other.lock_)) {}

AtomicDirectory& AtomicDirectory::operator=(AtomicDirectory&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(temporary_, other.temporary_);
  std::swap(lock_, other.lock_);
  return *this;
}

absl::StatusOr<AtomicFile> AtomicDirectory::CreateFile(absl::string_view name) const {
  if (temporary_.empty()) {
    return FailureError(absl::StrCat(path_, ": filled after it was published"));
  }
  const std::string path = absl::StrCat(temporary_, "/", name);
  HYDRA_ASSIGN_OR_RETURN(FileDescriptor file, OpenFile(path, O_RDWR | O_CREAT | O_EXCL));
  return AtomicFile(path, path, std::move(file));
}

absl::Status AtomicDirectory::Publish() {
  if (temporary_.empty()) {
    return FailureError(absl::StrCat(path_, ": published twice"));
  }
  HYDRA_RETURN_IF_ERROR(SyncDirectory(temporary_));
  if (PathExists(path_)) return Replace();
  HYDRA_RETURN_IF_ERROR(RenamePath(temporary_, path_));
  temporary_.clear();
  return SyncDirectory(ParentDirectory(path_));
}

absl::Status AtomicDirectory::Replace() {
  const std::string parent = ParentDirectory(path_);
  const int exchanged =
      ::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), RENAME_EXCHANGE);
  if (exchanged == 0) {
    // The old directory has the temporary's name now. The exchange must be durable before it goes;
    // if it cannot be removed, it is a stale temporary like any other.
    const std::string old = std::exchange(temporary_, {});
    HYDRA_RETURN_IF_ERROR(SyncDirectory(parent));
    RemoveTree(old).IgnoreError();
    return absl::OkStatus();
  }
  if (errno != EINVAL && errno != ENOSYS) {
    return ErrnoStatus(errno, absl::StrCat("exchange with ", temporary_), path_);
  }
  const std::string replaced = ReplacedPath(path_);
  HYDRA_RETURN_IF_ERROR(RenamePath(path_, replaced));
  if (absl::Status status = RenamePath(temporary_, path_); !status.ok()) {
    RenamePath(replaced, path_).IgnoreError();  // if that fails too, the next Create does it
    return status;
  }
  temporary_.clear();
  HYDRA_RETURN_IF_ERROR(SyncDirectory(parent));
  RemoveTree(replaced).IgnoreError();
  return absl::OkStatus();
}

}  // namespace hydra
