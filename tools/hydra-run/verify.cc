// hydra-run verify: golden files against the compiled program.
#include "runtime/diagnostics/verify.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>

#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "runtime/base/cpu_level.h"
#include "runtime/io/posix_file.h"
#include "runtime/toolchain/compile.h"
#include "runtime/toolchain/process.h"
#include "tools/hydra-run/commands.h"
#include "tools/hydra-run/console.h"
#include "tools/hydra-run/stop_signal.h"

namespace hydra::tools {
namespace {

struct VerifyFlags {
  std::vector<std::string> files;
  std::string target = "cpu";
  std::string precision = "f32";
  std::string arch = "native";
  std::string dump;
  int64_t threads = 0;
};

// A directory of this process that disappears with it.
class WorkDirectory {
 public:
  static absl::StatusOr<WorkDirectory> Create() {
    std::error_code error;
    std::string name = std::filesystem::temp_directory_path(error) / "hydra-verify-XXXXXX";
    if (error || mkdtemp(name.data()) == nullptr)
      return FailureError(absl::StrCat("cannot make a temporary directory ", name,
                                       "; set TMPDIR to one that can be written"));
    return WorkDirectory(name);
  }
  explicit WorkDirectory(std::string path) : path_(std::move(path)) {}
  WorkDirectory(WorkDirectory&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  ~WorkDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// All computed tensors under the golden's own names.
absl::Status Dump(const NumericTensors& computed, const std::string& path) {
  std::vector<std::vector<float>> storage;
  storage.reserve(computed.size());
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : computed) {
    storage.emplace_back(tensor.values.begin(), tensor.values.end());
    views.push_back({name,
                     DType::kF32,
                     tensor.shape,
                     {reinterpret_cast<const uint8_t*>(storage.back().data()),
                      storage.back().size() * sizeof(float)}});
  }
  return WriteSafetensors(path, {}, views);
}

Json ToJson(const VerifyCheck& check) {
  return {{"name", check.name},
          {"pass", check.verdict.pass},
          {"worst", check.verdict.worst},
          {"error", check.verdict.error},
          {"allowed", check.verdict.allowed},
          {"compared", check.verdict.compared},
          {"problem", check.verdict.problem}};
}

// The check that decides the line: the first that failed, else the one closest to its bound.
const VerifyCheck& Decisive(const VerifyReport& report) {
  const VerifyCheck* decisive = &report.checks.front();
  for (const VerifyCheck& check : report.checks) {
    if (!check.verdict.pass) return check;
    if (check.verdict.error * decisive->verdict.allowed >
        decisive->verdict.error * check.verdict.allowed)
      decisive = &check;
  }
  return *decisive;
}

void PrintLine(const std::string& file, const VerifyReport& report) {
  const VerifyCheck& check = Decisive(report);
  const GoldenVerdict& verdict = check.verdict;
  std::string detail = verdict.problem.empty()
                           ? absl::StrFormat("worst %s %.2e (allowed %.0e)", verdict.worst,
                                             verdict.error, verdict.allowed)
                           : verdict.problem;
  std::printf("%s %s  %s, %s\n", report.pass ? "PASS" : "FAIL", file.c_str(), check.name.c_str(),
              detail.c_str());
}

// Runs hydra-opt. Its messages speak of the golden file rather than of the copy of its
// configuration that it reads.
absl::Status RunCompiler(const std::string& compiler, const std::vector<std::string>& arguments,
                         const std::string& golden, const std::string& directory) {
  std::vector<std::string> command = {compiler};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const std::string errors = directory + "/messages";
  HYDRA_ASSIGN_OR_RETURN(const toolchain::ProcessResult result,
                         toolchain::RunProcess(command, errors));
  constexpr uint64_t kMostMessages = uint64_t{1} << 24;
  HYDRA_ASSIGN_OR_RETURN(const std::string messages, ReadWholeFile(errors, kMostMessages));
  std::fputs(absl::StrReplaceAll(messages, {{directory + "/config.json", golden + " (config)"},
                                            {directory + "/", ""}})
                 .c_str(),
             stderr);
  if (CaughtSignal() != 0) return InterruptedError("ended by a signal");
  if (result.exit_status == 0) return absl::OkStatus();
  return MakeError(
      KindOfExitCode(result.exit_status),
      absl::StrCat("hydra-opt ended with status ", result.exit_status, "; its message is above"));
}

absl::StatusOr<int> Verify(const VerifyFlags& flags, bool json) {
  if (!flags.dump.empty() && flags.files.size() != 1)
    return UsageError("--dump takes the tensors of one golden file; give one");
  if (flags.target == "interpreter" && flags.threads != 0)
    return UsageError("--threads has no effect on the interpreter, which has one; drop it");
  if (flags.target == "interpreter" && flags.arch != "native")
    return UsageError(
        "--arch chooses generated code, which --target=interpreter does not run; leave it out");
  // So that a signal, too, leaves through the end of the temporary directory's owner.
  CatchStopSignals();
  bool all_pass = true;
  Json list = Json::array();
  std::string compiler;  // looked for once; a file that is no golden is the first thing to be said
  for (const std::string& file : flags.files) {
    HYDRA_ASSIGN_OR_RETURN(Golden golden, Golden::Open(file));
    if (compiler.empty()) {
      HYDRA_ASSIGN_OR_RETURN(compiler, toolchain::FindProgram(toolchain::kCompiler));
    }
    HYDRA_ASSIGN_OR_RETURN(WorkDirectory directory, WorkDirectory::Create());
    VerifyOptions options;
    options.target = flags.target;
    options.precision = flags.precision;
    options.arch = flags.arch;
    options.threads = static_cast<int>(flags.threads);
    options.work_directory = directory.path();
    options.hydra_opt = [&](const std::vector<std::string>& arguments) {
      return RunCompiler(compiler, arguments, file, directory.path());
    };
    const absl::StatusOr<VerifyReport> verified = VerifyGolden(golden, options);
    if (CaughtSignal() != 0) return 128 + CaughtSignal();
    if (!verified.ok()) return Annotate(verified.status(), file);
    const VerifyReport& report = *verified;
    all_pass = all_pass && report.pass;
    if (json) {
      Json checks = Json::array();
      for (const VerifyCheck& check : report.checks) checks.push_back(ToJson(check));
      list.push_back({{"file", file}, {"pass", report.pass}, {"checks", std::move(checks)}});
    } else {
      PrintLine(file, report);
    }
    if (!flags.dump.empty()) HYDRA_RETURN_IF_ERROR(Dump(report.computed, flags.dump));
  }
  if (json) PrintJson({{"pass", all_pass}, {"target", flags.target}, {"files", std::move(list)}});
  return all_pass ? 0 : 1;
}

}  // namespace

void AddVerify(CommandLine& line) {
  Command command = line.Add("verify", "Golden files against the compiled program");
  auto flags = std::make_shared<VerifyFlags>();
  command.Positionals("files", flags->files, "golden files");
  command.Text("--target", flags->target, "what computes", {"cpu", "sim", "interpreter"});
  command.Text("--precision", flags->precision,
               "element type of matmul operands; everything else is f32", {"f32", "bf16"});
  std::vector<std::string> levels = absl::StrSplit(CpuLevelNames(), ", ");
  levels.insert(levels.begin(), "native");
  command.Text("--arch", flags->arch, "instruction-set level of the generated code", levels);
  command.Integer("--threads", flags->threads, {.least = 0, .most = 4096},
                  "worker threads of a device; 0: one per processor");
  command.Text("--dump", flags->dump, "write every computed tensor to this safetensors file");
  command.Run([flags](bool json) { return Verify(*flags, json); });
}

}  // namespace hydra::tools
