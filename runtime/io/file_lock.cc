#include "runtime/io/file_lock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_format.h"

namespace hydra {
namespace {

std::string Holder() {
  char host[256] = "unknown host";
  ::gethostname(host, sizeof(host) - 1);
  return absl::StrFormat("process %d on %s", ::getpid(), host);
}

// Who has the lock, as the file tells; the holder may not have written it yet.
std::string ReadHolder(const std::string& path) {
  absl::StatusOr<std::string> text = ReadWholeFile(path, 1024);
  if (!text.ok() || text->empty()) return "another process";
  while (!text->empty() && text->back() == '\n') text->pop_back();
  return *text;
}

absl::StatusOr<bool> StillThere(const FileDescriptor& file, const std::string& path) {
  struct stat ours, there;
  if (::fstat(file.get(), &ours) != 0) return ErrnoStatus(errno, "stat", path);
  if (::stat(path.c_str(), &there) != 0) return false;
  return ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

}  // namespace

absl::StatusOr<FileLock> FileLock::Acquire(const std::string& path, absl::string_view what) {
  while (true) {
    HYDRA_ASSIGN_OR_RETURN(FileDescriptor file, OpenFile(path, O_RDWR | O_CREAT));
    HYDRA_ASSIGN_OR_RETURN(const LockResult lock, TryLock(file, path));
    if (lock == LockResult::kBusy) {
      return FailureError(absl::StrCat(ParentDirectory(path), ": expected no other writer, found ",
                                       what, " in it already: ", ReadHolder(path), " (", path,
                                       "); wait for it or choose another directory"));
    }
    if (lock == LockResult::kUnsupported) {
      return FailureError(
          absl::StrCat(path,
                       ": the file system has no locks (flock), so a second writer could not "
                       "be kept away; choose a directory on another one"));
    }
    // The directory may have been removed and made again between open and lock.
    HYDRA_ASSIGN_OR_RETURN(const bool there, StillThere(file, path));
    if (!there) continue;
    // Only for the message to others: a full disk does not unlock.
    const std::string holder = Holder() + "\n";
    if (::ftruncate(file.get(), 0) == 0) {
      WriteAllAt(
          file, path,
          absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(holder.data()), holder.size()), 0)
          .IgnoreError();
    }
    return FileLock(std::move(file));
  }
}

}  // namespace hydra
