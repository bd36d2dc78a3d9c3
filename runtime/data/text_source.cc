#include "runtime/data/text_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace hydra::data {
namespace {
constexpr size_t kPiece = size_t{1} << 20;
}  // namespace

absl::StatusOr<TextSource> TextSource::Open(const std::string& path) {
  TextSource source;
  source.path_ = path == "-" ? "standard input" : path;
  source.name_ = path == "-" ? "stdin" : FileName(path);
  source.buffer_.resize(kPiece);
  if (path == "-") {
    source.descriptor_ = STDIN_FILENO;
  } else {
    // A named pipe that nobody writes yet is waited for.
    HYDRA_ASSIGN_OR_RETURN(source.file_, OpenFile(path, O_RDONLY));
    source.descriptor_ = source.file_.get();
  }
  struct stat info;
  if (::fstat(source.descriptor_, &info) != 0) {
    return ErrnoStatus(errno, "stat", source.path_, ErrorKind::kInput);
  }
  if (S_ISDIR(info.st_mode)) {
    return InputError(absl::StrCat(path, ": expected a file of text, found a directory"));
  }
  return source;
}

absl::StatusOr<absl::string_view> TextSource::Read() {
  for (;;) {
    const ssize_t got = ::read(descriptor_, buffer_.data(), buffer_.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, "read", path_, ErrorKind::kInput);
    const size_t size = static_cast<size_t>(got);
    bytes_ += size;
    hasher_.Update(absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(buffer_.data()), size));
    return absl::string_view(buffer_.data(), size);
  }
}

}  // namespace hydra::data
