#include "runtime/app/artifact_facts.h"

#include <utility>
#include <variant>

#include "runtime/base/command_walk.h"

namespace hydra::app {

CommandCounts CountCommands(const artifact::EntryInfo& entry) {
  CommandCounts counts;
  hal::ForEachCommand(entry.body, [&](const hal::Command& command) {
    ++counts.commands;
    if (std::holds_alternative<hal::KernelCommand>(command.body)) ++counts.kernels;
    if (std::holds_alternative<hal::MatmulCommand>(command.body)) ++counts.matmuls;
    if (std::holds_alternative<hal::CollectiveCommand>(command.body)) ++counts.collectives;
  });
  return counts;
}

std::optional<JsonDocument> CompileSettingsOf(const artifact::Artifact& artifact) {
  for (const artifact::SectionInfo& section : artifact.info().sections) {
    if (section.kind != artifact::SectionKind::kSettings) continue;
    const absl::Span<const uint8_t> bytes = artifact.Bytes(section);
    const absl::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    absl::StatusOr<JsonDocument> document = JsonDocument::Parse(text, section.name);
    if (document.ok() && document->root().is_object()) return *std::move(document);
  }
  return std::nullopt;
}

std::string CompileSettingOf(const artifact::Artifact& artifact, const std::string& key) {
  const std::optional<JsonDocument> settings = CompileSettingsOf(artifact);
  if (!settings) return "";
  const std::optional<JsonView> value = settings->root().Find(key);
  return value ? std::string(value->String().value_or("")) : "";
}

std::map<std::string, std::string> MeaningOf(const artifact::Artifact& artifact) {
  std::map<std::string, std::string> settings;
  for (const char* key : {"routing", "precision", "mod_rule"}) {
    std::string value = CompileSettingOf(artifact, key);
    if (!value.empty()) settings[key] = std::move(value);
  }
  return settings;
}

std::string SelectionRuleOf(const artifact::Artifact& artifact, absl::string_view entry) {
  if (!artifact.info().phases.depth_selection) return "";
  std::string rule = CompileSettingOf(artifact, "mod_rule");
  return rule.empty() && entry == "extend" ? "prefix" : rule;
}

absl::StatusOr<std::optional<Ledger>> LedgerOf(const artifact::Artifact& artifact) {
  const absl::Span<const uint8_t> bytes = artifact.Section(artifact::SectionKind::kLedger);
  if (bytes.empty()) return std::optional<Ledger>();
  HYDRA_ASSIGN_OR_RETURN(
      Ledger ledger,
      ParseLedger({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, artifact.path()));
  return std::optional<Ledger>(std::move(ledger));
}

}  // namespace hydra::app
