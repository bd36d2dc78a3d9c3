#include "runtime/io/cache_directory.h"

#include <cstdlib>

namespace hydra {

std::string CacheDirectory() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  // The XDG rules: a relative path counts as unset.
  if (cache != nullptr && cache[0] == '/') return std::string(cache) + "/hydra";
  if (home != nullptr && home[0] != '\0') return std::string(home) + "/.cache/hydra";
  return "";
}

}  // namespace hydra
