// A lock that one process holds, by a file of its own: keeps two writers out of one directory.
#ifndef HYDRA_RUNTIME_IO_FILE_LOCK_H_
#define HYDRA_RUNTIME_IO_FILE_LOCK_H_

#include <string>

#include "absl/strings/string_view.h"
#include "runtime/base/status.h"
#include "runtime/io/posix_file.h"

namespace hydra {

// Held from Acquire until destruction or the end of the process, however it ends: the kernel keeps
// it (flock(2)), the file's contents only tell others who has it. The file stays; removing it would
// let two holders in. Movable.
class FileLock {
 public:
  // `path` is the lock file, made if missing; `what` is what may not be done twice, e.g. "a run
  // that trains". A failure names the holder's process and host, or says that the file system
  // has no locks.
  static absl::StatusOr<FileLock> Acquire(const std::string& path, absl::string_view what);

 private:
  explicit FileLock(FileDescriptor file) : file_(std::move(file)) {}
  FileDescriptor file_;
};

}  // namespace hydra

#endif  // HYDRA_RUNTIME_IO_FILE_LOCK_H_
