// Is a path still the file that was opened? Metrics files may be deleted, replaced or overwritten
// while they are written.
#ifndef HYDRA_RUNTIME_METRICS_FILE_WATCH_H_
#define HYDRA_RUNTIME_METRICS_FILE_WATCH_H_

#include <sys/types.h>

#include <string>

#include "absl/strings/string_view.h"

namespace hydra::metrics {

// Keeps a descriptor of its own. Closing it gives up the POSIX locks of the whole process on that
// file, so it must outlive the connection of a database. Movable, not copyable.
class FileWatch {
 public:
  FileWatch() = default;
  // The file that `path` names now; if there is none, the watch finds it changed.
  explicit FileWatch(const std::string& path);
  ~FileWatch();
  FileWatch(FileWatch&& other) noexcept;
  FileWatch& operator=(FileWatch&& other) noexcept;

  // The path names the same file as when the watch began.
  bool IsSameFile() const;
  // The file begins with these bytes.
  bool BeginsWith(absl::string_view bytes) const;

 private:
  std::string path_;
  int fd_ = -1;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace hydra::metrics

#endif  // HYDRA_RUNTIME_METRICS_FILE_WATCH_H_
