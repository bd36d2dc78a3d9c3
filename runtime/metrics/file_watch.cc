#include "runtime/metrics/file_watch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace hydra::metrics {

FileWatch::FileWatch(const std::string& path)
    : path_(path), fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  struct stat info;
  if (fd_ < 0 || ::fstat(fd_, &info) != 0) return;
  device_ = info.st_dev;
  inode_ = info.st_ino;
}

FileWatch::~FileWatch() {
  if (fd_ >= 0) ::close(fd_);
}

FileWatch::FileWatch(FileWatch&& other) noexcept { *this = std::move(other); }

FileWatch& FileWatch::operator=(FileWatch&& other) noexcept {
  path_.swap(other.path_);
  std::swap(fd_, other.fd_);
  std::swap(device_, other.device_);
  std::swap(inode_, other.inode_);
  return *this;
}

bool FileWatch::IsSameFile() const {
  struct stat info;
  return fd_ >= 0 && ::stat(path_.c_str(), &info) == 0 && info.st_dev == device_ &&
         info.st_ino == inode_;
}

bool FileWatch::BeginsWith(absl::string_view bytes) const {
  std::string found(bytes.size(), '\0');
  return fd_ >= 0 &&
         ::pread(fd_, found.data(), found.size(), 0) == static_cast<ssize_t>(bytes.size()) &&
         found == bytes;
}

}  // namespace hydra::metrics
