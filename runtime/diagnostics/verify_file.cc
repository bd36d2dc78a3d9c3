#include "runtime/diagnostics/verify_file.h"

#include <vector>

#include "runtime/io/safetensors.h"
#include "runtime/io/scratch_directory.h"
#include "runtime/toolchain/compile.h"
#include "runtime/toolchain/compiler_process.h"
#include "runtime/toolchain/process.h"

namespace hydra {
namespace {

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

}  // namespace

absl::StatusOr<VerifyReport> VerifyFile(const std::string& path, const VerifyFileOptions& options) {
  // A file that is no golden is the first thing to be said.
  HYDRA_ASSIGN_OR_RETURN(const Golden golden, Golden::Open(path));
  HYDRA_ASSIGN_OR_RETURN(const std::string program, toolchain::FindProgram(toolchain::kCompiler));
  HYDRA_ASSIGN_OR_RETURN(const ScratchDirectory directory,
                         ScratchDirectory::Create("hydra-verify"));
  const toolchain::CompilerProcess compiler{
      .program = program,
      .directory = directory.path(),
      .names = {{directory.path() + "/config.json", path + " (config)"},
                {directory.path() + "/spec.mlir", path + " (spec)"},
                {directory.path() + "/", ""}},
      .messages = options.messages,
      .interrupted = options.interrupted};
  const VerifyOptions verify{.target = options.target,
                             .precision = options.precision,
                             .arch = options.arch,
                             .threads = options.threads,
                             .settings = options.settings,
                             .work_directory = directory.path(),
                             .hydra_opt = [&](const std::vector<std::string>& arguments) {
                               return compiler.Run(arguments);
                             }};
  absl::StatusOr<VerifyReport> report = VerifyGolden(golden, verify);
  if (!report.ok()) return Annotate(report.status(), path);
  if (!options.dump.empty()) HYDRA_RETURN_IF_ERROR(Dump(report->computed, options.dump));
  return report;
}

const VerifyCheck& DecisiveCheck(const VerifyReport& report) {
  const VerifyCheck* decisive = &report.checks.front();
  for (const VerifyCheck& check : report.checks) {
    if (!check.verdict.pass) return check;
    if (check.verdict.error * decisive->verdict.allowed >
        decisive->verdict.error * check.verdict.allowed) {
      decisive = &check;
    }
  }
  return *decisive;
}

}  // namespace hydra
