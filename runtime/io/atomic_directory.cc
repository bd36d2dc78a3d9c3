// Atomic publication of a directory, with the replaced one kept.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "runtime/io/atomic_file.h"

namespace hydra {
namespace {

namespace fs = std::filesystem;

absl::Status FromErrorCode(const std::error_code& error, absl::string_view action,
                           absl::string_view path) {
  if (!error) return absl::OkStatus();
  return ErrnoStatus(error.value(), action, path);
}

// Syncs all regular files below `path`, then the directories, children before parents.
absl::Status SyncTree(const std::string& path) {
  std::error_code error;
  fs::directory_iterator entries(path, error);
  HYDRA_RETURN_IF_ERROR(FromErrorCode(error, "list", path));
  for (; entries != fs::directory_iterator(); entries.increment(error)) {
    const std::string entry = entries->path().string();
    const fs::file_status status = entries->symlink_status(error);
    HYDRA_RETURN_IF_ERROR(FromErrorCode(error, "stat", entry));
    if (fs::is_directory(status)) {
      HYDRA_RETURN_IF_ERROR(SyncTree(entry));
    } else if (fs::is_regular_file(status)) {
      HYDRA_ASSIGN_OR_RETURN(FileDescriptor file, OpenFile(entry, O_RDONLY));
      HYDRA_RETURN_IF_ERROR(SyncFile(file, entry));
    }
  }
  HYDRA_RETURN_IF_ERROR(FromErrorCode(error, "list", path));
  return SyncDirectory(path);
}

absl::Status RemoveTree(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  return FromErrorCode(error, "remove", path);
}

absl::Status Rename(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, absl::StrCat("rename from ", from), to);
}

bool Exists(const std::string& path) {
  struct stat info;
  return ::lstat(path.c_str(), &info) == 0;
}

// "DIR/" and "DIR" are the same directory; suffixes go after the name.
std::string WithoutTrailingSlashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

}  // namespace

std::string PreviousPath(const std::string& path) {
  return absl::StrCat(WithoutTrailingSlashes(path), ".previous");
}

AtomicDirectory::AtomicDirectory(std::string path, std::string temporary)
    : path_(std::move(path)), temporary_(std::move(temporary)) {}

absl::StatusOr<AtomicDirectory> AtomicDirectory::Create(const std::string& path) {
  const std::string target = WithoutTrailingSlashes(path);
  constexpr int kAttempts = 1000;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::string temporary = TemporaryPath(target, attempt);
    if (::mkdir(temporary.c_str(), 0777) == 0) {
      return AtomicDirectory(target, std::move(temporary));
    }
    if (errno != EEXIST) return ErrnoStatus(errno, "create directory", temporary);
  }
  return FailureError(absl::StrCat(target, ": ", kAttempts,
                                   " temporary directories stand beside it; remove '", target,
                                   ".tmp-*'"));
}

AtomicDirectory::~AtomicDirectory() {
  // A destructor has nobody to report to; what cannot be removed is stale and found later.
  if (!temporary_.empty()) RemoveTree(temporary_).IgnoreError();
}

AtomicDirectory::AtomicDirectory(AtomicDirectory&& other) noexcept
    : path_(std::move(other.path_)), temporary_(std::exchange(other.temporary_, {})) {}

AtomicDirectory& AtomicDirectory::operator=(AtomicDirectory&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(temporary_, other.temporary_);
  return *this;
}

absl::Status AtomicDirectory::Publish() {
  if (temporary_.empty()) {
    return FailureError(absl::StrCat(path_, ": published twice"));
  }
  HYDRA_RETURN_IF_ERROR(SyncTree(temporary_));
  if (Exists(path_)) return Replace();
  HYDRA_RETURN_IF_ERROR(Rename(temporary_, path_));
  temporary_.clear();
  return SyncDirectory(ParentDirectory(path_));
}

absl::Status AtomicDirectory::Replace() {
  const std::string parent = ParentDirectory(path_);
  const std::string previous = PreviousPath(path_);
  const int exchanged =
      ::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), RENAME_EXCHANGE);
  if (exchanged == 0) {
    // The old directory now has the temporary name and is no longer ours to remove. The exchange
    // must be durable before the older previous one goes.
    const std::string old = std::exchange(temporary_, {});
    HYDRA_RETURN_IF_ERROR(SyncDirectory(parent));
    HYDRA_RETURN_IF_ERROR(RemoveTree(previous));
    HYDRA_RETURN_IF_ERROR(Rename(old, previous));
    return SyncDirectory(parent);
  }
  if (errno != EINVAL && errno != ENOSYS) {
    return ErrnoStatus(errno, absl::StrCat("exchange with ", temporary_), path_);
  }
  HYDRA_RETURN_IF_ERROR(RemoveTree(previous));
  HYDRA_RETURN_IF_ERROR(Rename(path_, previous));
  if (absl::Status status = Rename(temporary_, path_); !status.ok()) {
    // Put the old one back; if that fails too, it is still there as the previous one.
    Rename(previous, path_).IgnoreError();
    return status;
  }
  temporary_.clear();
  return SyncDirectory(parent);
}

absl::Status RemoveStaleTemporaries(const std::string& path) {
  const std::string target = WithoutTrailingSlashes(path);
  const std::string parent = ParentDirectory(target);
  const std::string base = fs::path(target).filename().string();
  std::error_code error;
  fs::directory_iterator entries(parent, error);
  HYDRA_RETURN_IF_ERROR(FromErrorCode(error, "list", parent));
  for (; entries != fs::directory_iterator(); entries.increment(error)) {
    const int64_t owner = TemporaryOwner(entries->path().filename().string(), base);
    // EPERM means the process lives but belongs to someone else.
    if (owner < 0 || ::kill(static_cast<pid_t>(owner), 0) == 0 || errno != ESRCH) continue;
    HYDRA_RETURN_IF_ERROR(RemoveTree(entries->path().string()));
  }
  return FromErrorCode(error, "list", parent);
}

}  // namespace hydra
