#include "runtime/io/file_digest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "runtime/io/posix_file.h"

namespace hydra {

absl::StatusOr<FileDigest> DigestOfFile(const std::string& path) {
  // O_NONBLOCK: a FIFO that nobody writes is refused below, not waited for.
  HYDRA_ASSIGN_OR_RETURN(const FileDescriptor file, OpenFile(path, O_RDONLY | O_NONBLOCK));
  struct stat info;
  if (::fstat(file.get(), &info) != 0) return ErrnoStatus(errno, "stat", path, ErrorKind::kInput);
  if (!S_ISREG(info.st_mode)) {
    return InputError(absl::StrCat(path, ": expected a regular file, found a ",
                                   S_ISDIR(info.st_mode) ? "directory" : "device"));
  }
  constexpr size_t kPiece = size_t{1} << 20;
  std::vector<uint8_t> piece(kPiece);
  Hasher hasher;
  FileDigest digest;
  while (true) {
    const ssize_t got = ::read(file.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, "read", path, ErrorKind::kInput);
    if (got == 0) break;
    hasher.Update({piece.data(), static_cast<size_t>(got)});
    digest.bytes += static_cast<uint64_t>(got);
  }
  digest.hash = hasher.Digest();
  return digest;
}

}  // namespace hydra
