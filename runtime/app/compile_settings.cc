#include "runtime/app/compile_settings.h"

#include <utility>

namespace hydra::app {

std::optional<JsonDocument> CompileSettingsOf(const artifact::Artifact& artifact) {
  const absl::Span<const uint8_t> bytes = artifact.Section(artifact::SectionKind::kSettings);
  const absl::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  absl::StatusOr<JsonDocument> document = JsonDocument::Parse(text, "settings");
  if (!document.ok() || !document->root().is_object()) return std::nullopt;
  return *std::move(document);
}

std::string CompileSettingOf(const artifact::Artifact& artifact, absl::string_view key) {
  const std::optional<JsonDocument> settings = CompileSettingsOf(artifact);
  if (!settings) return "";
  const std::optional<JsonView> value = settings->root().Find(std::string(key));
  return value ? std::string(value->String().value_or("")) : "";
}

std::map<std::string, std::string> MeaningOf(const artifact::Artifact& artifact) {
  std::map<std::string, std::string> settings;
  for (const char* key : {"routing", "precision"}) {
    std::string value = CompileSettingOf(artifact, key);
    if (!value.empty()) settings[key] = std::move(value);
  }
  return settings;
}

}  // namespace hydra::app
