#include "runtime/io/temporary.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <random>
#include <system_error>
#include <utility>

#include "absl/strings/str_format.h"

namespace hydra {
namespace {

namespace fs = std::filesystem;

constexpr absl::string_view kMark = ".tmp-";
constexpr size_t kDigits = 16;
// Every attempt has a new name; more than one is needed only if a cleaner comes between creation
// and lock.
constexpr int kAttempts = 100;

uint64_t RandomBits() {
  uint64_t bits;
  if (::getrandom(&bits, sizeof(bits), 0) == sizeof(bits)) return bits;
  std::random_device device;  // kernels without getrandom
  return uint64_t{device()} << 32 | device();
}

// Locks what was just created. False if a cleaner took it for a leftover in the moment before.
absl::StatusOr<bool> Hold(const FileDescriptor& file, const std::string& path) {
  HYDRA_ASSIGN_OR_RETURN(const LockResult lock, TryLock(file, path));
  if (lock == LockResult::kBusy) return false;
  // Without locks nobody cleans here either.
  if (lock == LockResult::kUnsupported) return true;
  struct stat info;
  if (::fstat(file.get(), &info) != 0) return ErrnoStatus(errno, "stat", path);
  return info.st_nlink > 0;
}

absl::Status NoPlace(const std::string& target) {
  return FailureError(absl::StrCat(target, ": no temporary could be kept beside it; who removes '",
                                   target, kMark, "*' all the time?"));
}

}  // namespace

std::string TemporaryPath(const std::string& target) {
  return absl::StrCat(target, kMark, absl::StrFormat("%016x", RandomBits()));
}

absl::string_view TemporaryBase(absl::string_view name) {
  if (name.size() <= kMark.size() + kDigits) return "";
  const size_t length = name.size() - kMark.size() - kDigits;
  const absl::string_view digits = name.substr(name.size() - kDigits);
  const bool hex = std::all_of(digits.begin(), digits.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
  return hex && name.substr(length, kMark.size()) == kMark ? name.substr(0, length) : "";
}

absl::StatusOr<Temporary> CreateTemporaryFile(const std::string& target) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::string path = TemporaryPath(target);
    HYDRA_ASSIGN_OR_RETURN(FileDescriptor file, OpenFile(path, O_RDWR | O_CREAT | O_EXCL));
    HYDRA_ASSIGN_OR_RETURN(const bool held, Hold(file, path));
    if (held) return Temporary{std::move(path), std::move(file)};
  }
  return NoPlace(target);
}

absl::StatusOr<Temporary> CreateTemporaryDirectory(const std::string& target) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::string path = TemporaryPath(target);
    if (::mkdir(path.c_str(), 0777) != 0) return ErrnoStatus(errno, "create directory", path);
    absl::StatusOr<FileDescriptor> file = OpenFile(path, O_RDONLY | O_DIRECTORY);
    if (!file.ok()) {
      if (!PathExists(path)) continue;  // a cleaner was faster
      ::rmdir(path.c_str());
      return file.status();
    }
    HYDRA_ASSIGN_OR_RETURN(const bool held, Hold(*file, path));
    if (held) return Temporary{std::move(path), *std::move(file)};
  }
  return NoPlace(target);
}

absl::Status RemoveStaleTemporaries(const std::string& directory, absl::string_view base) {
  std::error_code error;
  fs::directory_iterator entries(directory, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    const absl::string_view target = TemporaryBase(name);
    if (target.empty() || (!base.empty() && target != base)) continue;
    const std::string path = entries->path().string();
    // O_NONBLOCK: whatever has such a name, opening it must not wait.
    const absl::StatusOr<FileDescriptor> file = OpenFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    // A link, or gone meanwhile, or not ours to open.
    if (!file.ok()) continue;
    HYDRA_ASSIGN_OR_RETURN(const LockResult lock, TryLock(*file, path));
    if (lock == LockResult::kHeld) HYDRA_RETURN_IF_ERROR(RemoveTree(path));
  }
  if (error) return ErrnoStatus(error.value(), "list", directory);
  return absl::OkStatus();
}

}  // namespace hydra
