// A directory of its own for a test, removed afterwards.
#ifndef HYDRA_TESTS_IO_TEMPORARY_DIRECTORY_H_
#define HYDRA_TESTS_IO_TEMPORARY_DIRECTORY_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace hydra {

class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string File(absl::string_view name) const;

  // Names of all entries, sorted.
  std::vector<std::string> List() const;

 private:
  std::string path_;
};

// Plain file access, independent of the code under test.
std::string ReadFileForTest(const std::string& path);
void WriteFileForTest(const std::string& path, absl::string_view contents);

}  // namespace hydra

#endif  // HYDRA_TESTS_IO_TEMPORARY_DIRECTORY_H_
