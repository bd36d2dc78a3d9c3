#include "runtime/io/cuda_toolkit.h"

#include <unistd.h>

#include <cstdlib>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace hydra {

std::string FindPtxas() {
  constexpr char kName[] = "ptxas";
  if (const char* chosen = std::getenv("HYDRA_PTXAS")) return chosen;
  std::vector<std::string> folders;
  if (const char* home = std::getenv("CUDA_HOME"); home != nullptr && *home != '\0') {
    folders.push_back(absl::StrCat(home, "/bin"));
  }
  if (const char* path = std::getenv("PATH")) {
    for (absl::string_view folder : absl::StrSplit(path, ':', absl::SkipEmpty())) {
      folders.emplace_back(folder);
    }
  }
  folders.emplace_back("/usr/local/cuda/bin");
  for (const std::string& folder : folders) {
    std::string file = absl::StrCat(folder, "/", kName);
    if (::access(file.c_str(), X_OK) == 0) return file;
  }
  return "";
}

std::string PtxasAdvice() {
  return "install the CUDA Toolkit, 12.8 or newer, with ptxas on PATH, under CUDA_HOME or in "
         "/usr/local/cuda";
}

}  // namespace hydra
