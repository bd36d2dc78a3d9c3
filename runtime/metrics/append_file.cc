#include "runtime/metrics/append_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace hydra::metrics {
namespace {

absl::Status IoError(const std::string& path, absl::string_view what) {
  return FailureError(
      absl::StrCat(path, ": cannot ", what, ": ", std::generic_category().message(errno)));
}

}  // namespace

absl::Status AppendFile::Open(const std::string& path) {
  path_ = path;
  fd_ = ::open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  struct stat info;
  if (fd_ < 0 || ::fstat(fd_, &info) != 0) {
    const absl::Status status = IoError(path_, "open");
    Close();
    return status;
  }
  watch_ = FileWatch(path_);
  size_ = info.st_size;
  return absl::OkStatus();
}

void AppendFile::Close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  watch_ = FileWatch();
}

bool AppendFile::EndsOtherThan(char last) const {
  char found = last;
  return size_ > 0 && ::pread(fd_, &found, 1, size_ - 1) == 1 && found != last;
}

absl::Status AppendFile::Append(absl::string_view bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t written = ::write(fd_, bytes.data() + done, bytes.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      if (written == 0) errno = ENOSPC;
      const absl::Status status = IoError(path_, "write");
      if (done > 0 && ::ftruncate(fd_, size_) != 0) size_ += static_cast<int64_t>(done);
      return status;
    }
    done += static_cast<size_t>(written);
  }
  size_ += static_cast<int64_t>(done);
  return absl::OkStatus();
}

std::string AppendFile::CloseIfLost() {
  std::string loss;
  struct stat info;
  if (fd_ < 0) return loss;
  if (!watch_.IsSameFile()) {
    loss = "was deleted or replaced while it was written; a new one is begun";
  } else if (::fstat(fd_, &info) == 0 && info.st_size < size_) {
    loss = absl::StrCat("was cut from ", size_, " to ", info.st_size,
                        " bytes by another program; what is new follows");
  } else {
    size_ = info.st_size;
  }
  if (!loss.empty()) Close();
  return loss;
}

}  // namespace hydra::metrics
