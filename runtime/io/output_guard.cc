#include "runtime/io/output_guard.h"

#include <filesystem>
#include <system_error>

#include "runtime/io/posix_file.h"

namespace hydra {
namespace {

namespace fs = std::filesystem;

absl::Status Taken(const std::string& path, absl::string_view what, absl::string_view found) {
  return UsageError(absl::StrCat(path, ": expected nothing there yet, or ", what,
                                 " to replace with --force; found ", found,
                                 "; choose another name"));
}

absl::Status NeedsForce(const std::string& path, absl::string_view what) {
  return UsageError(absl::StrCat(path, ": is ", what,
                                 " already; replace it with --force, or choose another name"));
}

// What stands at a path, for messages; "" for what the caller has to look at.
std::string Standing(const fs::file_status& status, fs::file_type wanted) {
  if (status.type() == wanted) return "";
  switch (status.type()) {
    case fs::file_type::symlink:
      return "a symbolic link";
    case fs::file_type::directory:
      return "a directory";
    case fs::file_type::regular:
      return "a file";
    default:
      return "a device, pipe or socket";
  }
}

}  // namespace

absl::Status CheckOutput(const std::string& path, const DirectoryKind& kind, bool force) {
  const std::string name = FileName(path);
  if (name.empty() || name == "." || name == "..") {
    return UsageError(
        absl::StrCat(path, ": expected the name of a directory to be made, found one to be in"));
  }
  std::error_code error;
  const fs::file_status status = fs::symlink_status(path, error);
  if (status.type() == fs::file_type::not_found) return absl::OkStatus();
  if (error) return ErrnoStatus(error.value(), "look at", path);
  if (const std::string other = Standing(status, fs::file_type::directory); !other.empty()) {
    return Taken(path, kind.what, other);
  }
  bool empty = true;
  for (fs::directory_iterator it(path, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    const std::string file = it->path().filename().string();
    if (!it->is_regular_file(error) || !kind.owns(file)) {
      return Taken(
          path, kind.what,
          absl::StrCat("a directory with '", file, "', which ", kind.what, " does not have"));
    }
    empty = false;
  }
  if (error) return ErrnoStatus(error.value(), "list", path);
  return empty || force ? absl::OkStatus() : NeedsForce(path, kind.what);
}

absl::Status CheckOutput(const std::string& path, const FileKind& kind, bool force) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(path, error);
  if (status.type() == fs::file_type::not_found) return absl::OkStatus();
  if (error) return ErrnoStatus(error.value(), "look at", path);
  if (const std::string other = Standing(status, fs::file_type::regular); !other.empty()) {
    return Taken(path, kind.what, other);
  }
  if (!kind.recognises(path)) return Taken(path, kind.what, "a file of another kind");
  return force ? absl::OkStatus() : NeedsForce(path, kind.what);
}

}  // namespace hydra
