// Nothing that exists is overwritten by surprise: what may be written where something stands.
#ifndef HYDRA_RUNTIME_IO_OUTPUT_GUARD_H_
#define HYDRA_RUNTIME_IO_OUTPUT_GUARD_H_

#include <functional>
#include <string>

#include "absl/strings/string_view.h"
#include "runtime/base/status.h"

namespace hydra {

// A directory that consists of certain files alone.
struct DirectoryKind {
  absl::string_view what;                            // for messages, e.g. "a checkpoint"
  std::function<bool(absl::string_view name)> owns;  // whether such a directory may have this file
};

// A single file that can be recognised.
struct FileKind {
  absl::string_view what;
  std::function<bool(const std::string& path)> recognises;
};

// OK where nothing stands, or an empty directory; with `force` also where all that stands is of the
// same kind. Anything else is kUsage with what was found: a link, a directory with a
// foreign file, a file of another kind are never replaced.
absl::Status CheckOutput(const std::string& path, const DirectoryKind& kind, bool force);
absl::Status CheckOutput(const std::string& path, const FileKind& kind, bool force);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_IO_OUTPUT_GUARD_H_
