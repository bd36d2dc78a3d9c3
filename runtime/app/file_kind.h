// What kind of file a user names, told by its first bytes.
#ifndef HYDRA_RUNTIME_APP_FILE_KIND_H_
#define HYDRA_RUNTIME_APP_FILE_KIND_H_

#include <string>

#include "runtime/base/status.h"

namespace hydra::app {

enum class FileKind { kArtifact, kCheckpoint, kData, kTokens, kSafetensors };

// A directory is a checkpoint or a run unless it is a data directory; a file without a mark of its
// own may be safetensors. An input error for nothing, and for what is known to be something else:
// it says what that seems to be and what to do with it.
absl::StatusOr<FileKind> IdentifyFile(const std::string& path);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_FILE_KIND_H_
