// How an artifact was compiled, as its settings section says.
#ifndef HYDRA_RUNTIME_APP_COMPILE_SETTINGS_H_
#define HYDRA_RUNTIME_APP_COMPILE_SETTINGS_H_

#include <map>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "runtime/artifact/artifact.h"
#include "runtime/io/json_file.h"

namespace hydra::app {

// The section as JSON; nothing if there is none.
std::optional<JsonDocument> CompileSettingsOf(const artifact::Artifact& artifact);

// The text setting `key` ("routing", "precision", ...); "" if the artifact does not say.
std::string CompileSettingOf(const artifact::Artifact& artifact, absl::string_view key);

// What decides the numbers of the program that `artifact` was compiled to, for toolchain::
// CompileModel: compiled with it, the same spec computes the same in other shapes.
std::map<std::string, std::string> MeaningOf(const artifact::Artifact& artifact);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_COMPILE_SETTINGS_H_
