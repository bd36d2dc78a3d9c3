// Temporaries: files and directories under construction beside the target they will become.
//
// A temporary is called TARGET.tmp-XXXXXXXXXXXXXXXX with 64 random bits, and its writer holds an
// exclusive flock(2) on it. The kernel drops the lock when the writer ends, however it ends, so
// whether a temporary is stale is asked of the lock alone: process ids that come back and clocks
// that jump decide nothing.
#ifndef HYDRA_RUNTIME_IO_TEMPORARY_H_
#define HYDRA_RUNTIME_IO_TEMPORARY_H_

#include <string>

#include "absl/strings/string_view.h"
#include "runtime/base/status.h"
#include "runtime/io/posix_file.h"

namespace hydra {

struct Temporary {
  std::string path;
  FileDescriptor file;  // open, and holding the lock; a directory's is open for reading
};

// Makes a new one. Errors are those of ErrnoStatus and name the temporary's path.
absl::StatusOr<Temporary> CreateTemporaryFile(const std::string& target);
absl::StatusOr<Temporary> CreateTemporaryDirectory(const std::string& target);

// A name for a temporary that cannot be locked (a link), or for what is about to be removed.
std::string TemporaryPath(const std::string& target);

// The target's name if `name` is that of a temporary, otherwise "".
absl::string_view TemporaryBase(absl::string_view name);

// Removes the temporaries in `directory` whose writer is gone: those of the target named `base`, or
// with "" all of them. Links are left alone: they hold no lock.
absl::Status RemoveStaleTemporaries(const std::string& directory, absl::string_view base = "");

}  // namespace hydra

#endif  // HYDRA_RUNTIME_IO_TEMPORARY_H_
