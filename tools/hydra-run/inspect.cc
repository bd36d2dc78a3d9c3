#include "tools/hydra-run/inspect.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <system_error>

#include "absl/strings/match.h"
#include "tools/hydra-run/commands.h"

namespace hydra::tools {
namespace {

// The kind of a file is told by its first bytes; safetensors has none of its own.
absl::StatusOr<Inspection> Look(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return InputError(
        absl::StrCat(path,
                     ": expected an artifact, checkpoint, safetensors or token file, found "
                     "nothing"));
  }
  if (std::filesystem::is_directory(path, ignored)) return InspectCheckpoint(path);
  char start[8] = {};
  std::ifstream(path, std::ios::binary).read(start, sizeof(start));
  const absl::string_view magic(start, sizeof(start));
  if (magic == "HYDRATOK" || absl::EndsWith(path, ".tokens")) return InspectTokens(path);
  if (magic == "HYDRAART" || absl::EndsWith(path, ".hydra")) return InspectArtifact(path);
  return InspectSafetensors(path);
}

absl::StatusOr<int> Inspect(const std::string& path, bool json) {
  HYDRA_ASSIGN_OR_RETURN(const Inspection result, Look(path));
  if (json) {
    PrintJson(result.json);
  } else {
    std::printf("%s", result.text.c_str());
  }
  return 0;
}

}  // namespace

void AddInspect(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand(
      "inspect", "Contents of an artifact, checkpoint, safetensors or token file");
  auto path = std::make_shared<std::string>();
  command->add_option("file", *path, "file or checkpoint directory")->required();
  command->add_flag("--json", session.json, "print the result as JSON");
  command->callback([&session, path] {
    session.action = [&session, path] { return Inspect(*path, session.json); };
  });
}

}  // namespace hydra::tools
