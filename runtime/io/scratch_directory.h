// A directory for intermediate files that disappears with its owner.
#ifndef HYDRA_RUNTIME_IO_SCRATCH_DIRECTORY_H_
#define HYDRA_RUNTIME_IO_SCRATCH_DIRECTORY_H_

#include <string>
#include <utility>

#include "runtime/base/status.h"

namespace hydra {

// Move-only.
class ScratchDirectory {
 public:
  // Under TMPDIR (/tmp), called PREFIX-XXXXXX. A failure if it cannot be made.
  static absl::StatusOr<ScratchDirectory> Create(const std::string& prefix);
  ScratchDirectory(ScratchDirectory&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  ScratchDirectory& operator=(ScratchDirectory&&) = delete;
  ~ScratchDirectory();

  const std::string& path() const { return path_; }

 private:
  explicit ScratchDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace hydra

#endif  // HYDRA_RUNTIME_IO_SCRATCH_DIRECTORY_H_
