#include "tools/hydra-run/inspect.h"

#include <cstdio>
#include <memory>

#include "runtime/app/file_kind.h"
#include "tools/hydra-run/commands.h"

namespace hydra::tools {
namespace {

absl::StatusOr<Inspection> Look(const std::string& path) {
  HYDRA_ASSIGN_OR_RETURN(const app::FileKind kind, app::IdentifyFile(path));
  switch (kind) {
    case app::FileKind::kArtifact:
      return InspectArtifact(path);
    case app::FileKind::kCheckpoint:
      return InspectCheckpoint(path);
    case app::FileKind::kData:
      return InspectData(path);
    case app::FileKind::kTokens:
      return InspectTokens(path);
    case app::FileKind::kSafetensors:
      break;
  }
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

void AddInspect(CommandLine& line) {
  Command command = line.Add(
      "inspect",
      "Contents of an artifact, bundle, checkpoint, safetensors or token file, or of data");
  auto path = std::make_shared<std::string>();
  command.Positional("file", *path, "file, run, checkpoint or data directory");
  command.Run([path](bool json) { return Inspect(*path, json); });
}

}  // namespace hydra::tools
