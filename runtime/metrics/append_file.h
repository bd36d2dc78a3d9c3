// A file that is only appended to, and may be deleted, replaced or cut by others meanwhile.
#ifndef HYDRA_RUNTIME_METRICS_APPEND_FILE_H_
#define HYDRA_RUNTIME_METRICS_APPEND_FILE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "runtime/base/status.h"
#include "runtime/metrics/file_watch.h"

namespace hydra::metrics {

// Not thread-safe.
class AppendFile {
 public:
  AppendFile() = default;
  ~AppendFile() { Close(); }
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  // Makes `path` if it is missing.
  absl::Status Open(const std::string& path);
  bool is_open() const { return fd_ >= 0; }
  // Whether the file ends in another byte than `last`; false if it is empty.
  bool EndsOtherThan(char last) const;
  // All of it or nothing: a part that was written before an error is taken back.
  absl::Status Append(absl::string_view bytes);
  // What others did to the file since the last Append, "" if nothing that loses a byte of ours. The
  // file is closed then.
  std::string CloseIfLost();
  void Close();

 private:
  std::string path_;
  FileWatch watch_;
  int fd_ = -1;
  int64_t size_ = 0;  // after our last byte
};

}  // namespace hydra::metrics

#endif  // HYDRA_RUNTIME_METRICS_APPEND_FILE_H_
