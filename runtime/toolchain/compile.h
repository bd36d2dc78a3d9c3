// Compiling a model spec with hydra-opt as a child process, and the cache of what it made.
#ifndef HYDRA_RUNTIME_TOOLCHAIN_COMPILE_H_
#define HYDRA_RUNTIME_TOOLCHAIN_COMPILE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "runtime/base/status.h"

namespace hydra::toolchain {

// The compiler's program, and the most that it reads.
inline constexpr char kCompiler[] = "hydra-opt";
inline constexpr uint64_t kLargestSpec = uint64_t{1} << 28;

// $XDG_CACHE_HOME/hydra (~/.cache/hydra), made if it is missing. A failure says which variable to
// set.
absl::StatusOr<std::string> MakeCacheDirectory();

// The error of a compiler that ended with this status, after its messages have appeared.
absl::Status CompilerError(int exit_status, const std::string& spec);

struct CompileRequest {
  std::string spec;                  // path of a .mlir or .json file
  std::vector<std::string> entries;  // NAME@BxS
  // Compile settings by name (target, arch, precision, routing, cache); what is
  // absent is the compiler's default.
  std::map<std::string, std::string> settings;
};

// The flags for hydra-opt, without spec and output: the same request gives the same list.
std::vector<std::string> CompileFlags(const CompileRequest& request);

struct Compiled {
  std::string artifact;  // path in the cache
  bool cached = false;   // it was there already
};

// The artifact of the request, compiled unless the cache has it. The cache is
// $XDG_CACHE_HOME/hydra (~/.cache/hydra), keyed by the spec's bytes, the flags, the compiler's
// build id, the processor's features and, for target cuda, path and version of ptxas. The
// compiler's messages go to standard error as they are. kNotFound without spec or compiler,
// kInvalidArgument for a spec of another kind; a failed compilation has the code of the compiler's
// exit status.
absl::StatusOr<Compiled> CompileModel(const CompileRequest& request);

// Whether `path` names a model spec rather than an artifact or checkpoint, by its extension.
bool IsModelSpec(const std::string& path);

}  // namespace hydra::toolchain

#endif  // HYDRA_RUNTIME_TOOLCHAIN_COMPILE_H_
