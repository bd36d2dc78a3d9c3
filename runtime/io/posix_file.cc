// File descriptors, errno messages, complete reads and writes.
#include "runtime/io/posix_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace hydra {

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
  // Linux transfers at most 2 GiB per call; a smaller piece keeps signals responsive.
  constexpr size_t kPiece = size_t{1} << 26;
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

std::string TemporaryPath(const std::string& path, int attempt) {
  return absl::StrCat(path, ".tmp-", ::getpid(), "-", attempt);
}

int64_t TemporaryOwner(absl::string_view name, absl::string_view base) {
  if (!absl::ConsumePrefix(&name, base) || !absl::ConsumePrefix(&name, ".tmp-")) return -1;
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '-');
  int64_t pid;
  int64_t attempt;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &pid) ||
      !absl::SimpleAtoi(parts[1], &attempt) || pid <= 0 || attempt < 0) {
    return -1;
  }
  return pid;
}

}  // namespace hydra
