// File descriptors, errno messages, complete reads and writes.
#include "runtime/io/posix_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

namespace hydra {
namespace {

// Linux transfers at most 2 GiB per call; a smaller piece keeps signals responsive.
constexpr size_t kPiece = size_t{1} << 26;

}  // namespace

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    Reset();
    fd_ = other.Release();
  }
  return *this;
}

int FileDescriptor::Release() { return std::exchange(fd_, -1); }

void FileDescriptor::Reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

absl::Status ErrnoStatus(int error, absl::string_view action, absl::string_view path,
                         ErrorKind kind) {
  // generic_category().message is thread-safe where strerror is not.
  return MakeError(
      error == ENOMEM ? ErrorKind::kOutOfMemory : kind,
      absl::StrCat(path, ": cannot ", action, ": ", std::generic_category().message(error)));
}

absl::StatusOr<FileDescriptor> OpenFile(const std::string& path, int flags, unsigned mode) {
  int fd;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) {
    const bool reads = (flags & (O_ACCMODE | O_CREAT | O_DIRECTORY)) == O_RDONLY;
    return ErrnoStatus(errno, "open", path, reads ? ErrorKind::kInput : ErrorKind::kFailure);
  }
  return FileDescriptor(fd);
}

absl::Status WriteAllAt(const FileDescriptor& file, const std::string& path,
                        absl::Span<const uint8_t> bytes, uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(file.get(), bytes.data(), std::min(bytes.size(), kPiece),
                                     static_cast<off_t>(offset));
    if (written < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, absl::StrCat("write at byte ", offset), path);
    }
    if (written == 0) return ErrnoStatus(ENOSPC, absl::StrCat("write at byte ", offset), path);
    bytes.remove_prefix(static_cast<size_t>(written));
    offset += static_cast<uint64_t>(written);
  }
  return absl::OkStatus();
}

absl::Status SyncFile(const FileDescriptor& file, const std::string& path) {
  int result;
  do {
    result = ::fsync(file.get());
  } while (result < 0 && errno == EINTR);
  // Some file systems do not sync directories; there is nothing better to do on them.
  if (result < 0 && errno != EINVAL) return ErrnoStatus(errno, "sync", path);
  return absl::OkStatus();
}

absl::Status SyncDirectory(const std::string& path) {
  HYDRA_ASSIGN_OR_RETURN(FileDescriptor directory, OpenFile(path, O_RDONLY | O_DIRECTORY));
  return SyncFile(directory, path);
}

std::string ParentDirectory(const std::string& path) {
  size_t end = path.find_last_not_of('/');
  if (end == std::string::npos) return path.empty() ? "." : "/";
  const size_t slash = path.find_last_of('/', end);
  if (slash == std::string::npos) return ".";
  end = path.find_last_not_of('/', slash);
  return end == std::string::npos ? "/" : path.substr(0, end + 1);
}

std::string FileName(const std::string& path) {
  const size_t end = path.find_last_not_of('/');
  if (end == std::string::npos) return "";
  const size_t slash = path.find_last_of('/', end);
  return path.substr(slash + 1, end - slash);  // npos + 1 is 0
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path, uint64_t limit) {
  // O_NONBLOCK: opening a FIFO that nobody writes must fail below, not hang here.
  HYDRA_ASSIGN_OR_RETURN(FileDescriptor file, OpenFile(path, O_RDONLY | O_NONBLOCK));
  struct stat info;
  if (::fstat(file.get(), &info) != 0) return ErrnoStatus(errno, "stat", path, ErrorKind::kInput);
  if (!S_ISREG(info.st_mode)) {
    return InputError(absl::StrCat(path, ": expected a regular file, found a ",
                                   S_ISDIR(info.st_mode) ? "directory" : "device"));
  }
  if (static_cast<uint64_t>(info.st_size) > limit) {
    return InputError(
        absl::StrCat(path, ": expected at most ", limit, " bytes, found ", info.st_size));
  }
  std::string contents(static_cast<size_t>(info.st_size), '\0');
  size_t done = 0;
  while (done < contents.size()) {
    const ssize_t got = ::read(file.get(), contents.data() + done, contents.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, "read", path, ErrorKind::kInput);
    if (got == 0) break;  // the file shrank meanwhile: what is left is what there is
    done += static_cast<size_t>(got);
  }
  contents.resize(done);
  return contents;
}

absl::Status ReadAllAt(const FileDescriptor& file, const std::string& path,
                       absl::Span<uint8_t> bytes, uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t got = ::pread(file.get(), bytes.data(), std::min(bytes.size(), kPiece),
                                static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      return ErrnoStatus(errno, absl::StrCat("read at byte ", offset), path, ErrorKind::kInput);
    if (got == 0) {
      return InputError(absl::StrCat(path, ": ends at byte ", offset, ", expected ", bytes.size(),
                                     " bytes more; it was shortened while in use"));
    }
    bytes.remove_prefix(static_cast<size_t>(got));
    offset += static_cast<uint64_t>(got);
  }
  return absl::OkStatus();
}

absl::Status MakeDirectories(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return absl::OkStatus();
  const std::string parent = ParentDirectory(path);
  if (parent != path) HYDRA_RETURN_IF_ERROR(MakeDirectories(parent));
  if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, "make the directory", path);
  }
  if (!std::filesystem::is_directory(path, ignored)) {
    return ErrnoStatus(ENOTDIR, "make the directory", path);
  }
  return SyncDirectory(parent);
}

absl::Status RenamePath(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, absl::StrCat("rename from ", from), to);
}

absl::Status RemoveTree(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return ErrnoStatus(error.value(), "remove", path);
  return absl::OkStatus();
}

bool PathExists(const std::string& path) {
  struct stat info;
  return ::lstat(path.c_str(), &info) == 0;
}

absl::StatusOr<LockResult> TryLock(const FileDescriptor& file, const std::string& path) {
  if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return LockResult::kHeld;
  switch (errno) {
    case EWOULDBLOCK:
      return LockResult::kBusy;
    case ENOLCK:
    case ENOSYS:
    case EOPNOTSUPP:
      return LockResult::kUnsupported;
    default:
      return ErrnoStatus(errno, "lock", path);
  }
}

}  // namespace hydra
