#include "runtime/io/scratch_directory.h"

#include <stdlib.h>

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace hydra {

absl::StatusOr<ScratchDirectory> ScratchDirectory::Create(const std::string& prefix) {
  std::error_code error;
  std::string name = std::filesystem::temp_directory_path(error) / (prefix + "-XXXXXX");
  if (error || mkdtemp(name.data()) == nullptr) {
    return FailureError(absl::StrCat("cannot make a temporary directory ", name,
                                     "; set TMPDIR to one that can be written"));
  }
  return ScratchDirectory(name);
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace hydra
