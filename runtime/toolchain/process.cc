#include "runtime/toolchain/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_split.h"
#include "runtime/io/posix_file.h"

extern char** environ;

namespace hydra::toolchain {
namespace {

namespace fs = std::filesystem;

// posix_spawn's list of what to do with file descriptors, released with its owner.
class FileActions {
 public:
  FileActions() { posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

absl::Status ReadToEnd(const FileDescriptor& pipe, std::string& output) {
  char buffer[4096];
  while (true) {
    const ssize_t count = read(pipe.get(), buffer, sizeof(buffer));
    if (count == 0) return absl::OkStatus();
    if (count > 0) {
      output.append(buffer, static_cast<size_t>(count));
    } else if (errno != EINTR) {
      return ErrnoStatus(errno, "read", "output of a child process");
    }
  }
}

bool IsExecutable(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) && access(path.c_str(), X_OK) == 0;
}

}  // namespace

absl::StatusOr<ProcessResult> RunProcess(const std::vector<std::string>& arguments,
                                         const std::string& errors_file) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "make a pipe for", arguments[0]);
  const FileDescriptor reader(ends[0]);
  FileDescriptor writer(ends[1]);
  FileActions actions;
  posix_spawn_file_actions_adddup2(actions.get(), writer.get(), STDOUT_FILENO);
  if (!errors_file.empty()) {
    posix_spawn_file_actions_addopen(actions.get(), STDERR_FILENO, errors_file.c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
  }
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_t child = 0;
  const int error =
      posix_spawn(&child, arguments[0].c_str(), actions.get(), nullptr, argv.data(), environ);
  if (error != 0) {
    return FailureError(absl::StrCat(arguments[0], ": cannot be started: ", std::strerror(error)));
  }
  // The child's end must close here too, or reading would never end.
  writer.Reset();
  ProcessResult result;
  const absl::Status read_status = ReadToEnd(reader, result.output);
  int wait_status = 0;
  while (waitpid(child, &wait_status, 0) < 0) {
    if (errno != EINTR) return ErrnoStatus(errno, "wait for", arguments[0]);
  }
  HYDRA_RETURN_IF_ERROR(read_status);
  result.exit_status =
      WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
  return result;
}

absl::StatusOr<std::string> FindProgram(const std::string& name) {
  std::error_code ignored;
  const fs::path self = fs::read_symlink("/proc/self/exe", ignored);
  const fs::path beside = self.parent_path() / name;
  if (!self.empty() && IsExecutable(beside)) return beside.string();
  const char* path = std::getenv("PATH");
  for (const absl::string_view folder : absl::StrSplit(path == nullptr ? "" : path, ':')) {
    if (folder.empty()) continue;
    const fs::path candidate = fs::path(std::string(folder)) / name;
    if (IsExecutable(candidate)) return candidate.string();
  }
  return FailureError(absl::StrCat(
      name, ": expected beside ", self.empty() ? "this program" : self.string(),
      " or in PATH, found in neither; build or install it, or compile the model elsewhere and pass "
      "the .hydra file"));
}

}  // namespace hydra::toolchain
