// The directory in which a fuzz entry puts files, for readers that take paths.
#ifndef HYDRA_TESTS_IO_FUZZ_DIRECTORY_H_
#define HYDRA_TESTS_IO_FUZZ_DIRECTORY_H_

#include <cstdlib>
#include <fstream>
#include <string>

#include "absl/strings/string_view.h"
#include "runtime/io/scratch_directory.h"

namespace hydra {

// One per entry, as a static local; removed at the end of the program.
class FuzzDirectory {
 public:
  const std::string& path() const { return directory_.path(); }
  std::string operator/(absl::string_view name) const {
    return directory_.path() + "/" + std::string(name);
  }
  void Write(absl::string_view name, absl::string_view contents) const {
    std::ofstream file(*this / name, std::ios::binary | std::ios::trunc);
    file.write(contents.data(), static_cast<std::streamsize>(contents.size()));
    if (!file.flush()) std::abort();
  }

 private:
  static ScratchDirectory Make() {
    absl::StatusOr<ScratchDirectory> directory = ScratchDirectory::Create("hydra-fuzz");
    if (!directory.ok()) std::abort();
    return *std::move(directory);
  }
  ScratchDirectory directory_ = Make();
};

}  // namespace hydra

#endif  // HYDRA_TESTS_IO_FUZZ_DIRECTORY_H_
