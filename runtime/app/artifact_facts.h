// What reports say of an artifact and its tables do not hold as such.
#ifndef HYDRA_RUNTIME_APP_ARTIFACT_FACTS_H_
#define HYDRA_RUNTIME_APP_ARTIFACT_FACTS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "runtime/artifact/artifact.h"
#include "runtime/io/json_file.h"
#include "runtime/io/ledger.h"

namespace hydra::app {

// Commands of an entry; those inside repeats and cases once.
struct CommandCounts {
  int64_t commands = 0, kernels = 0, matmuls = 0, collectives = 0;
};
CommandCounts CountCommands(const artifact::EntryInfo& entry);

// How the compiler was told to compile: an object; nothing if the artifact does not say.
std::optional<JsonDocument> CompileSettingsOf(const artifact::Artifact& artifact);
// The text setting `key` of these ("routing", "precision", ...); "" if the artifact does not say.
std::string CompileSettingOf(const artifact::Artifact& artifact, const std::string& key);

// What decides the numbers of the program that `artifact` was compiled to, for toolchain::
// CompileModel: compiled with it, the same spec computes the same in other shapes.
std::map<std::string, std::string> MeaningOf(const artifact::Artifact& artifact);

// How depth routing selects in `entry` of the program: the rule that it was compiled with, prefix
// for `extend` without one, and "" where it selects as in training or does not select.
std::string SelectionRuleOf(const artifact::Artifact& artifact, absl::string_view entry);

// The fusion ledger; nothing if the artifact has none.
absl::StatusOr<std::optional<Ledger>> LedgerOf(const artifact::Artifact& artifact);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_ARTIFACT_FACTS_H_
