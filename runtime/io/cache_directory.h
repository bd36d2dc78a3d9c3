// Where what can be made again is kept.
#ifndef HYDRA_RUNTIME_IO_CACHE_DIRECTORY_H_
#define HYDRA_RUNTIME_IO_CACHE_DIRECTORY_H_

#include <string>

namespace hydra {

// $XDG_CACHE_HOME/hydra, or ~/.cache/hydra; empty if neither variable is set. Not made.
std::string CacheDirectory();

}  // namespace hydra

#endif  // HYDRA_RUNTIME_IO_CACHE_DIRECTORY_H_
