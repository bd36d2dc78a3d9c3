#include "tools/hydra-run/model_flags.h"

namespace hydra::tools {

void ModelFlags::DeclareSetting(CLI::App& command, const std::string& flag,
                                const std::string& key) {
  const train::SettingSpec* spec = train::FindSetting(key);
  command.add_option_function<std::string>(
      flag, [this, key](const std::string& value) { settings[key] = value; },
      std::string(spec->help));
}

void ModelFlags::Declare(CLI::App& command, const std::string& what) {
  command.add_option("model", model, what)->required();
  for (const char* key : {"target", "arch", "precision", "routing", "cache"}) {
    DeclareSetting(command, std::string("--") + key, key);
  }
  command.add_option("--set", assignments, "KEY=VALUE: any setting (repeatable)")
      ->allow_extra_args(false);
  command.add_option("--threads", threads, "worker threads; 0: one per processor")
      ->check(CLI::NonNegativeNumber);
  command.add_flag("--validate", validate, "check every command's memory accesses (slow)");
}

absl::StatusOr<ModelRequest> ModelFlags::ToRequest() const {
  ModelRequest request;
  request.model = model;
  request.threads = threads;
  request.validate = validate;
  for (const auto& [key, value] : settings) {
    HYDRA_RETURN_IF_ERROR(request.settings.Set(key, value));
  }
  for (const std::string& assignment : assignments) {
    HYDRA_RETURN_IF_ERROR(request.settings.SetAssignment(assignment));
  }
  return request;
}

}  // namespace hydra::tools
