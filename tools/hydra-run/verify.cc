// hydra-run verify: golden files against the compiled program.
#include <cstdio>
#include <memory>
#include <optional>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "runtime/base/cpu_level.h"
#include "runtime/base/gpu_architecture.h"
#include "runtime/diagnostics/verify_file.h"
#include "runtime/hal/cuda_driver.h"
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
  std::vector<std::string> settings;
  int64_t threads = 0;
};

Json ToJson(const VerifyCheck& check) {
  return {{"name", check.name},
          {"pass", check.verdict.pass},
          {"worst", check.verdict.worst},
          {"error", check.verdict.error},
          {"allowed", check.verdict.allowed},
          {"compared", check.verdict.compared},
          {"problem", check.verdict.problem}};
}

void PrintLine(const std::string& file, const VerifyReport& report) {
  const VerifyCheck& check = DecisiveCheck(report);
  const GoldenVerdict& verdict = check.verdict;
  std::string detail = verdict.problem.empty()
                           ? absl::StrFormat("worst %s %.2e (allowed %.0e)", verdict.worst,
                                             verdict.error, verdict.allowed)
                           : verdict.problem;
  std::printf("%s %s  %s, %s\n", report.pass ? "PASS" : "FAIL", file.c_str(), check.name.c_str(),
              detail.c_str());
}

// What is compiled for: on target cuda the GPU of this machine, as far as there is one.
std::string ArchitectureOf(const VerifyFlags& flags) {
  if (flags.target != "cuda" || flags.arch != "native") return flags.arch;
  const std::optional<hal::GpuFinding> gpu = hal::GpuInUse();
  const bool known = gpu && !gpu->architecture.empty();
  const std::string architecture = known ? gpu->architecture : kGpuArchitectures[0].name;
  PrintNote(absl::StrCat("--arch=", architecture, ": ", known ? gpu->name : "no GPU here"));
  return architecture;
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
  const VerifyFileOptions options{.target = flags.target,
                                  .precision = flags.precision,
                                  .arch = ArchitectureOf(flags),
                                  .threads = static_cast<int>(flags.threads),
                                  .settings = flags.settings,
                                  .dump = flags.dump,
                                  .messages = PrintMessages,
                                  .interrupted = [] { return CaughtSignal() != 0; }};
  for (const std::string& file : flags.files) {
    const absl::StatusOr<VerifyReport> verified = VerifyFile(file, options);
    if (CaughtSignal() != 0) return 128 + CaughtSignal();
    HYDRA_RETURN_IF_ERROR(verified.status());
    const VerifyReport& report = *verified;
    all_pass = all_pass && report.pass;
    if (json) {
      Json checks = Json::array();
      for (const VerifyCheck& check : report.checks) checks.push_back(ToJson(check));
      list.push_back({{"file", file}, {"pass", report.pass}, {"checks", std::move(checks)}});
    } else {
      PrintLine(file, report);
    }
  }
  if (json) PrintJson({{"pass", all_pass}, {"target", flags.target}, {"files", std::move(list)}});
  return all_pass ? 0 : 1;
}

}  // namespace

void AddVerify(CommandLine& line) {
  Command command = line.Add("verify", "Golden files against the compiled program");
  auto flags = std::make_shared<VerifyFlags>();
  command.Positionals("files", flags->files, "golden files");
  command.Text("--target", flags->target, "what computes", {"cpu", "cuda", "sim", "interpreter"});
  command.Text("--precision", flags->precision,
               "element type of matmul operands; everything else is f32", {"f32", "bf16"});
  std::vector<std::string> levels = absl::StrSplit(CpuLevelNames(), ", ");
  levels.insert(levels.begin(), "native");
  for (const GpuArchitecture& one : kGpuArchitectures) levels.emplace_back(one.name);
  command.Text(
      "--arch", flags->arch,
      "instruction-set level of the generated code, or architecture of target cuda; native: "
      "what is here",
      levels);
  command.Integer("-t,--threads", flags->threads, {.least = 0, .most = 4096},
                  "worker threads of a device; 0: one per processor");
  command.Texts("--set", flags->settings, "KEY=VALUE",
                "a further compile setting, e.g. memory_budget=BYTES (repeatable)");
  command.Text("--dump", flags->dump, "write every computed tensor to this safetensors file");
  command.Run([flags](bool json) { return Verify(*flags, json); });
}

}  // namespace hydra::tools
