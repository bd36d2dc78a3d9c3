// Thin layer over file descriptors: RAII, errors with path and reason, complete reads and writes.
#ifndef HYDRA_RUNTIME_IO_POSIX_FILE_H_
#define HYDRA_RUNTIME_IO_POSIX_FILE_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/base/status.h"

namespace hydra {

// Owns a file descriptor. Movable, not copyable.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() { Reset(); }
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.Release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release();
  void Reset();

 private:
  int fd_ = -1;
};

// The error for errno value `error` of `action` ("open", "write", ...) on `path`. `kind` is kInput
// where an input file is read; a full disk is a failure, ENOMEM always out of memory.
absl::Status ErrnoStatus(int error, absl::string_view action, absl::string_view path,
                         ErrorKind kind = ErrorKind::kFailure);

// open(2) with O_CLOEXEC; `mode` applies to created files and is subject to the umask. A file that
// cannot be opened for reading is an input error.
absl::StatusOr<FileDescriptor> OpenFile(const std::string& path, int flags, unsigned mode = 0666);

// Writes all bytes at `offset`, whatever pwrite(2) does piecewise.
absl::Status WriteAllAt(const FileDescriptor& file, const std::string& path,
                        absl::Span<const uint8_t> bytes, uint64_t offset);

// Makes contents and size of an open file, or the entries of an open directory, durable.
absl::Status SyncFile(const FileDescriptor& file, const std::string& path);
absl::Status SyncDirectory(const std::string& path);

// The directory part of a path: "a/b" gives "a", "b" gives ".", "/b" gives "/".
std::string ParentDirectory(const std::string& path);

// The last part of a path, slashes at its end aside: "a/b/" gives "b", "/" gives "".
std::string FileName(const std::string& path);

// Whole file as a string; refuses directories, devices and files above `limit` bytes.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path, uint64_t limit);

// Fills `bytes` from `offset`. kInput if the file ends before: it was shortened.
absl::Status ReadAllAt(const FileDescriptor& file, const std::string& path,
                       absl::Span<uint8_t> bytes, uint64_t offset);

// Makes the directory and the missing ones above it, each durable in its parent.
absl::Status MakeDirectories(const std::string& path);

// rename(2), without syncing.
absl::Status RenamePath(const std::string& from, const std::string& to);

// Removes a file, a link (not what it points to) or a directory with all it contains. A missing one
// is fine.
absl::Status RemoveTree(const std::string& path);

// Whether anything, a dangling link included, has this path.
bool PathExists(const std::string& path);

enum class LockResult {
  kHeld,         // by this open file, until it is closed
  kBusy,         // another open file has it
  kUnsupported,  // the file system has no locks
};
// flock(2), exclusive, without waiting.
absl::StatusOr<LockResult> TryLock(const FileDescriptor& file, const std::string& path);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_IO_POSIX_FILE_H_
