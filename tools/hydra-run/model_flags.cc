#include "tools/hydra-run/model_flags.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "tools/hydra-run/console.h"

namespace hydra::tools {
namespace {

std::string TypeOf(const train::SettingSpec& spec) {
  switch (spec.type) {
    case train::SettingType::kInteger:
      return spec.range.automatic ? "INT|auto" : "INT";
    case train::SettingType::kNumber:
      return spec.range.automatic ? "NUMBER|auto" : "NUMBER";
    case train::SettingType::kBoolean:
      return "true|false";
    case train::SettingType::kText:
      return "TEXT";
  }
  return "";
}

}  // namespace

void ModelFlags::DeclareSetting(Command& command, const std::string& key) {
  const train::SettingSpec& spec = *train::FindSetting(key);
  const bool compile = spec.scope == train::SettingScope::kCompile;
  const std::string name =
      key == "steps" ? "-n,--steps" : "--" + absl::StrReplaceAll(key, {{"_", "-"}});
  command.Given(name, TypeOf(spec), std::string(spec.initial),
                absl::StrCat(spec.help, compile ? "; default: hydra-opt's" : ""),
                [this, key](const std::string& value) { settings.emplace_back(key, value); });
}

void ModelFlags::Declare(Command& declared, const std::string& name, const std::string& what,
                         const std::vector<std::string>& uses, bool model_required) {
  command = name;
  run_settings = uses;
  declared.Positional("model", model, what, model_required);
  for (const train::SettingSpec& spec : train::SettingTable()) {
    if (spec.scope == train::SettingScope::kCompile) {
      DeclareSetting(declared, std::string(spec.key));
    }
  }
  declared.Texts("-s,--set", assignments, "KEY=VALUE",
                 "a setting, see train --help-settings (repeatable)");
  declared.Integer("-t,--threads", threads, {.least = 0, .most = 4096},
                   "worker threads; 0: one per processor");
  declared.Flag("--validate", validate, "check every command's memory accesses (slow)");
}

void ModelFlags::DeclareGraph(Command& declared) {
  declared.Text("--graph", graph,
                "how a GPU gets its work: a step as a whole as one graph, a graph per micro-batch "
                "and update with launches by the host between them, or command by command; the "
                "results are the same",
                {"whole", "segments", "off"});
  declared.Text("--sim-driver", sim_driver,
                "target sim: the CUDA driver that the simulated GPU has (12.2, 12.4, 12.8, 13.0); "
                "default: the newest");
}

void DeclareAtStep(Command& command, std::optional<int64_t>& at_step) {
  command.Integer("--at-step", at_step, {.least = 1},
                  "route as training does in this step; default: the checkpoint's last step, or "
                  "with everything on");
}

absl::StatusOr<ModelRequest> ModelFlags::ToRequest() const {
  ModelRequest request;
  request.command = command;
  request.notices = ConsoleNotices();
  request.model = model;
  request.threads = static_cast<int>(threads);
  request.validate = validate;
  request.capture = graph == "off"        ? hal::Capture::kOff
                    : graph == "segments" ? hal::Capture::kSegments
                                          : hal::Capture::kDefault;
  request.sim_driver = sim_driver;
  for (const auto& [key, value] : settings) {
    HYDRA_RETURN_IF_ERROR(request.settings.Set(key, value));
  }
  for (const std::string& assignment : assignments) {
    HYDRA_RETURN_IF_ERROR(request.settings.SetAssignment(assignment));
  }
  for (const train::SettingSpec& spec : train::SettingTable()) {
    const std::string key(spec.key);
    if (spec.scope == train::SettingScope::kCompile || !request.settings.given(key)) continue;
    if (std::find(run_settings.begin(), run_settings.end(), key) != run_settings.end()) continue;
    return UsageError(absl::StrCat(
        "setting '", key, "' has no effect on ", command, ", which takes ",
        run_settings.empty() ? "compile settings only" : absl::StrJoin(run_settings, ", ")));
  }
  return request;
}

}  // namespace hydra::tools
