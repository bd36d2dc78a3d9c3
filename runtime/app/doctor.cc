#include "runtime/app/doctor.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "runtime/base/available_memory.h"
#include "runtime/base/cpu_detection.h"
#include "runtime/base/cpu_level.h"
#include "runtime/hal/cuda_driver.h"
#include "runtime/hal/registry.h"
#include "runtime/io/cuda_toolkit.h"
#include "runtime/metrics/sqlite.h"
#include "runtime/toolchain/compile.h"
#include "runtime/toolchain/process.h"

namespace hydra::app {
namespace {

using State = DoctorCheck::State;
using Checks = std::vector<DoctorCheck>;

void ExamineProcessor(Checks& checks) {
  const CpuSource& cpu = HostCpu();
  checks.push_back({"processor", "model", State::kFact, ProcessorName(cpu)});
  checks.push_back(
      {"processor", "threads", State::kFact, absl::StrCat(std::thread::hardware_concurrency())});
  bool any = false;
  for (const CpuLevel& level : CpuLevels()) {
    const std::string why = WhyNot(level, cpu);
    any = any || why.empty();
    checks.push_back({"processor", absl::StrCat("level ", level.name),
                      why.empty() ? State::kOn : State::kOff,
                      why.empty() ? std::string(level.summary) : why});
  }
  if (!any) {
    checks.push_back(
        {"processor", "smallest level", State::kBroken,
         absl::StrCat("no level runs here; artifacts need at least ", CpuLevels().front().name)});
  }
  // What the levels ask of a processor and no other line names: tiles, and matmuls in bfloat16.
  for (const CpuLevel& level : CpuLevels()) {
    const auto tiles = std::find_if(level.adds.begin(), level.adds.end(),
                                    [](const CpuFeature& f) { return f.state == kTileState; });
    if (tiles == level.adds.end()) continue;
    const std::string why = WhyNot(level, cpu);
    checks.push_back({"processor", "matrix tiles (AMX)", why.empty() ? State::kOn : State::kOff,
                      why.empty() ? absl::StrCat("used by code of level ", level.name) : why});
  }
  const auto bf16 = std::find_if(
      CpuLevels().begin(), CpuLevels().end(),
      [&](const CpuLevel& level) { return level.bf16_matmul && WhyNot(level, cpu).empty(); });
  checks.push_back({"processor", "bfloat16 matmuls",
                    bf16 != CpuLevels().end() ? State::kOn : State::kOff,
                    bf16 != CpuLevels().end()
                        ? absl::StrCat("--precision=bf16 compiles from level ", bf16->name, " on")
                        : "no level that multiplies bfloat16 runs here; --precision=f32 does"});
}

void ExamineMemory(Checks& checks) {
  const AvailableMemory memory = FindAvailableMemory();
  if (memory.bytes == UINT64_MAX) {
    checks.push_back({"memory", "available", State::kFact, memory.bound});
    return;
  }
  checks.push_back({"memory", "available", State::kFact,
                    absl::StrFormat("%.2f GB, bound by %s", static_cast<double>(memory.bytes) / 1e9,
                                    memory.bound)});
}

void ExamineDevices(Checks& checks) {
  Checks libraries;
  for (const std::string& name : hal::DeviceNames()) {
    const absl::StatusOr<std::unique_ptr<hal::Device>> device = hal::CreateDevice(name, {});
    if (!device.ok()) {
      // The driver's own sentence begins with its name.
      const std::string prefix = absl::StrCat("device ", name, ": ");
      absl::string_view why = device.status().message();
      if (why.substr(0, prefix.size()) == prefix) why.remove_prefix(prefix.size());
      checks.push_back(
          {"devices", name, name == "cpu" ? State::kBroken : State::kOff, std::string(why)});
      continue;
    }
    checks.push_back({"devices", name, State::kOn, (*device)->description()});
    for (const hal::RuntimeFact& fact : (*device)->RuntimeFacts()) {
      if (fact.value.empty() || fact.name == "processor") continue;
      libraries.push_back({"libraries", fact.name, State::kFact, fact.value});
    }
    const hal::Capabilities& can = (*device)->capabilities();
    checks.push_back({"devices", absl::StrCat(name, ": whole steps as graphs"),
                      can.graphs ? State::kOn : State::kOff,
                      can.graphs
                          ? "--graph=segments or off runs them otherwise; a list that cannot "
                            "be one graph is warned of, and counted in run.json and "
                            "training.db"
                          : "this driver replays recorded command lists instead"});
    checks.push_back({"devices", absl::StrCat(name, ": times of every command"),
                      can.command_profile ? State::kOn : State::kOff,
                      can.command_profile ? "hydra-run bench --profile" : "the driver has none"});
  }
  libraries.push_back({"libraries", "SQLite", State::kFact, metrics::SqliteVersion()});
  checks.insert(checks.end(), libraries.begin(), libraries.end());
}

// GPUs of this machine, and what of target cuda is on.
void ExamineGpus(Checks& checks) {
  for (const hal::GpuFinding& gpu : hal::FindGpus()) {
    checks.push_back({"GPUs", gpu.name, gpu.supported ? State::kOn : State::kOff, gpu.detail});
  }
  const std::string assembler = FindPtxas();
  checks.push_back({"GPUs", "assembler (ptxas)", assembler.empty() ? State::kOff : State::kOn,
                    assembler.empty()
                        ? absl::StrCat("hydra-opt --target=cuda writes PTX alone, which a driver "
                                       "compiles whenever it loads it; ",
                                       PtxasAdvice())
                        : assembler});
  checks.push_back({"GPUs", "matmul library (cuBLASLt)", State::kOff,
                    "not used: products are kernels of the artifact"});
  checks.push_back({"GPUs", "conditional graph nodes", State::kOff,
                    "not used: counts are read by the kernels of one plain graph"});
}

void ExamineCompiler(Checks& checks) {
  const absl::StatusOr<std::string> program = toolchain::FindProgram(toolchain::kCompiler);
  if (!program.ok()) {
    checks.push_back({"compiler", toolchain::kCompiler, State::kOff,
                      absl::StrCat(program.status().message(),
                                   "; without it artifacts run and specs do not compile")});
    return;
  }
  const absl::StatusOr<toolchain::ProcessResult> version =
      toolchain::RunProcess({*program, "--version"});
  if (!version.ok() || version->exit_status != 0) {
    checks.push_back({"compiler", toolchain::kCompiler, State::kBroken,
                      absl::StrCat(*program, ": --version fails; build or install it again")});
    return;
  }
  checks.push_back({"compiler", toolchain::kCompiler, State::kOn, *program});
  const std::vector<std::string> lines = absl::StrSplit(version->output, '\n', absl::SkipEmpty());
  for (const std::string& line : lines) {
    checks.push_back(
        {"compiler", "version", State::kFact, std::string(absl::StripAsciiWhitespace(line))});
  }
}

void ExamineCache(Checks& checks) {
  const absl::StatusOr<std::string> directory = toolchain::MakeCacheDirectory();
  if (!directory.ok()) {
    checks.push_back(
        {"cache", "compiled models", State::kBroken, std::string(directory.status().message())});
    return;
  }
  if (::access(directory->c_str(), W_OK | X_OK) != 0) {
    checks.push_back({"cache", "compiled models", State::kBroken,
                      absl::StrCat(*directory,
                                   ": cannot be written; set XDG_CACHE_HOME to a "
                                   "directory that can")});
    return;
  }
  int64_t count = 0;
  uint64_t bytes = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator file(*directory, error), end; !error && file != end;
       file.increment(error)) {
    if (file->path().extension() != ".hydra") continue;
    std::error_code ignored;
    const uint64_t size = file->file_size(ignored);
    if (ignored) continue;
    ++count;
    bytes += size;
  }
  checks.push_back({"cache", "compiled models", State::kOn,
                    absl::StrFormat("%s: %d artifacts, %.1f MB", *directory, count,
                                    static_cast<double>(bytes) / 1e6)});
}

void ExamineEnvironment(Checks& checks) {
  constexpr std::pair<const char*, const char*> kVariables[] = {
      {"XDG_CACHE_HOME", "where compiled models are kept"},
      {"TMPDIR", "where verify, bisect and diag work"},
      {"NO_COLOR", "messages have no colour"},
      {"ONEDNN_MAX_CPU_ISA", "has no say: oneDNN is held to the artifact's level"},
      {"OMP_NUM_THREADS", "has no say: --threads sets the workers"},
      {"CUDA_VISIBLE_DEVICES", "read by the CUDA driver alone"}};
  for (const auto& [name, meaning] : kVariables) {
    const char* value = std::getenv(name);
    if (value == nullptr) continue;
    checks.push_back({"environment", name, State::kFact, absl::StrCat("'", value, "': ", meaning)});
  }
}

}  // namespace

std::vector<DoctorCheck> ExamineMachine(const std::string& version) {
  Checks checks = {{"hydra", "version", State::kFact, version}};
  ExamineProcessor(checks);
  ExamineMemory(checks);
  ExamineDevices(checks);
  ExamineGpus(checks);
  ExamineCompiler(checks);
  ExamineCache(checks);
  ExamineEnvironment(checks);
  return checks;
}

}  // namespace hydra::app
