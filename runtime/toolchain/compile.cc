#include "runtime/toolchain/compile.h"

#include <csignal>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "runtime/base/cpu_detection.h"
#include "runtime/base/hash.h"
#include "runtime/io/atomic_file.h"
#include "runtime/io/cache_directory.h"
#include "runtime/io/cuda_toolkit.h"
#include "runtime/io/file_digest.h"
#include "runtime/io/posix_file.h"
#include "runtime/io/temporary.h"
#include "runtime/toolchain/process.h"

namespace hydra::toolchain {
namespace {

namespace fs = std::filesystem;

std::string HashFile(const std::string& artifact) { return absl::StrCat(artifact, ".hash"); }

// Whether the cache has this artifact, whole.
bool IsIntact(const std::string& artifact) {
  const absl::StatusOr<std::string> expected = ReadWholeFile(HashFile(artifact), 4096);
  if (!expected.ok()) return false;
  const absl::StatusOr<FileDigest> found = DigestOfFile(artifact);
  return found.ok() && found->hash.ToHex() == *expected;
}

// A temporary directory for one compilation, gone with its owner.
class WorkDirectory {
 public:
  static absl::StatusOr<WorkDirectory> Create(const std::string& artifact) {
    HYDRA_ASSIGN_OR_RETURN(Temporary made, CreateTemporaryDirectory(artifact));
    return WorkDirectory(std::move(made));
  }
  ~WorkDirectory() {
    if (directory_.file.valid()) RemoveTree(directory_.path).IgnoreError();
  }
  WorkDirectory(WorkDirectory&&) noexcept = default;
  WorkDirectory& operator=(WorkDirectory&&) = delete;
  const std::string& path() const { return directory_.path; }

 private:
  explicit WorkDirectory(Temporary directory) : directory_(std::move(directory)) {}
  Temporary directory_;
};

}  // namespace

absl::StatusOr<std::string> MakeCacheDirectory() {
  std::string directory = CacheDirectory();
  if (directory.empty()) {
    return FailureError(
        "neither XDG_CACHE_HOME nor HOME is set, so there is no place for compiled models; set "
        "one, "
        "or compile with hydra-opt -o FILE and pass FILE");
  }
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) {
    return FailureError(
        absl::StrCat(directory, ": cannot make the cache of compiled models: ", error.message(),
                     "; set XDG_CACHE_HOME to a directory that can be written"));
  }
  return directory;
}

absl::Status CompilerError(int exit_status, const std::string& spec) {
  // RunProcess says 128 + N of a child that signal N ended.
  if (const int signal = exit_status - 128; signal > 0 && signal != SIGTERM && signal != SIGINT) {
    return FailureError(absl::StrCat(
        spec, ": ", kCompiler, " crashed on this spec (signal ", signal, ", ", strsignal(signal),
        "); the fault is the compiler's: make the spec small with hydra-reduce and report it"));
  }
  const std::string message = absl::StrCat(spec, ": ", kCompiler, " ended with status ",
                                           exit_status, "; its messages are above");
  return MakeError(KindOfExitCode(exit_status), message);
}

bool IsModelSpec(const std::string& path) {
  return absl::EndsWith(path, ".mlir") || absl::EndsWith(path, ".json");
}

std::vector<std::string> CompileFlags(const CompileRequest& request) {
  std::vector<std::string> flags;
  for (const std::string& entry : request.entries) flags.push_back("--entry=" + entry);
  for (const auto& [key, value] : request.settings) {
    flags.push_back(absl::StrCat("--", absl::StrReplaceAll(key, {{"_", "-"}}), "=", value));
  }
  return flags;
}

absl::StatusOr<Compiled> CompileModel(const CompileRequest& request) {
  if (!IsModelSpec(request.spec)) {
    return UsageError(absl::StrCat(request.spec, ": expected a model spec (.mlir or .json)"));
  }
  HYDRA_ASSIGN_OR_RETURN(const std::string spec, ReadWholeFile(request.spec, kLargestSpec));
  HYDRA_ASSIGN_OR_RETURN(const std::string compiler, FindProgram(kCompiler));
  HYDRA_ASSIGN_OR_RETURN(const ProcessResult version, RunProcess({compiler, "--version"}));
  if (version.exit_status != 0) {
    return FailureError(absl::StrCat(compiler, ": --version ended with status ",
                                     version.exit_status, "; is it the right program?"));
  }
  const std::vector<std::string> flags = CompileFlags(request);
  Hasher hasher;
  hasher.AddField(fs::path(request.spec).extension().string()).AddField(spec);
  hasher.AddField(absl::StrJoin(flags, "\n")).AddField(version.output);
  // What --arch=native stands for here.
  hasher.AddField(absl::StrJoin(RunnableLevels(HostCpu()), " "));
  // Another assembler makes other machine code.
  const auto target = request.settings.find("target");
  if (target != request.settings.end() && target->second == "cuda") {
    const std::string assembler = FindPtxas();
    hasher.AddField(assembler);
    if (!assembler.empty()) {
      // One that does not run is the compiler's to refuse.
      const absl::StatusOr<ProcessResult> said = RunProcess({assembler, "--version"});
      hasher.AddField(said.ok() ? said->output : "");
    }
  }
  const std::string key = hasher.Digest().ToHex();
  HYDRA_ASSIGN_OR_RETURN(const std::string directory, MakeCacheDirectory());
  const std::string artifact = absl::StrCat(directory, "/", key, ".hydra");
  if (IsIntact(artifact)) return Compiled{.artifact = artifact, .cached = true};

  // Compiled beside its place and renamed, so that two programs may do this at once. In a directory
  // of its own, which has a lock and a name that nobody else has.
  HYDRA_RETURN_IF_ERROR(RemoveStaleTemporaries(directory));
  HYDRA_ASSIGN_OR_RETURN(const WorkDirectory work, WorkDirectory::Create(artifact));
  const std::string made = work.path() + "/model.hydra";
  std::vector<std::string> arguments = {compiler, request.spec};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  arguments.insert(arguments.end(), {"-o", made});
  HYDRA_ASSIGN_OR_RETURN(const ProcessResult result, RunProcess(arguments));
  if (result.exit_status != 0) return CompilerError(result.exit_status, request.spec);
  HYDRA_ASSIGN_OR_RETURN(const FileDigest digest, DigestOfFile(made));
  HYDRA_RETURN_IF_ERROR(RenamePath(made, artifact));
  HYDRA_RETURN_IF_ERROR(WriteFileAtomically(HashFile(artifact), digest.hash.ToHex()));
  return Compiled{.artifact = artifact, .cached = false};
}

}  // namespace hydra::toolchain
