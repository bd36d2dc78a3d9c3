// Text that is read piece by piece, from files, pipes and standard input.
#ifndef HYDRA_RUNTIME_DATA_TEXT_SOURCE_H_
#define HYDRA_RUNTIME_DATA_TEXT_SOURCE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/base/hash.h"
#include "runtime/base/status.h"
#include "runtime/io/posix_file.h"

namespace hydra::data {

// Not thread-safe; movable.
class TextSource {
 public:
  // A file, a named pipe, or "-" for standard input. kInput for what cannot be read.
  static absl::StatusOr<TextSource> Open(const std::string& path);

  // The next piece, of at most 1 MiB, valid until the next call; empty at the end.
  absl::StatusOr<absl::string_view> Read();

  // As messages name it: the path, or "standard input".
  const std::string& path() const { return path_; }
  // The file's name without directories; "stdin".
  const std::string& name() const { return name_; }
  // Of what was read so far.
  uint64_t bytes() const { return bytes_; }
  Hash128 hash() const { return hasher_.Digest(); }

 private:
  TextSource() = default;
  std::string path_;
  std::string name_;
  FileDescriptor file_;  // not standard input's, which is nobody's to close
  int descriptor_ = 0;
  std::vector<char> buffer_;
  uint64_t bytes_ = 0;
  Hasher hasher_;
};

}  // namespace hydra::data

#endif  // HYDRA_RUNTIME_DATA_TEXT_SOURCE_H_
