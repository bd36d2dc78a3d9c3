#include "tools/hydra-run/inspect.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "tools/hydra-run/commands.h"

namespace hydra::tools {
namespace {

// What a file that inspect has nothing to say about seems to be, and what to do with it; "" if it
// may be safetensors, which has no mark of its own.
std::string OtherKind(const std::string& path, absl::string_view start) {
  if (absl::StartsWith(start, "SQLite format 3")) {
    return "a metrics database; open it with sqlite3, while training runs too";
  }
  // The JSON of a safetensors file stands behind 8 bytes of its length.
  const bool json = absl::StartsWith(absl::StripLeadingAsciiWhitespace(start), "{");
  if (absl::EndsWith(path, ".mlir") || absl::EndsWith(path, ".json")) {
    return absl::StrCat(json ? "a JSON text" : "a model spec", "; hydra-opt ", path,
                        " --stop-after=model shows the model");
  }
  if (json) return "a JSON text; if it is a model config, name it .json and give it to hydra-opt";
  return "";
}

// The kind of a file is told by its first bytes.
absl::StatusOr<Inspection> Look(const std::string& path) {
  constexpr absl::string_view kExpected =
      ": expected an artifact, checkpoint, safetensors or token file, or a data directory, found ";
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return InputError(absl::StrCat(path, kExpected, "nothing; check the path"));
  }
  if (std::filesystem::is_directory(path, ignored)) {
    const bool data = std::filesystem::exists(std::filesystem::path(path) / "data.json", ignored);
    return data ? InspectData(path) : InspectCheckpoint(path);
  }
  char start[16] = {};
  std::ifstream(path, std::ios::binary).read(start, sizeof(start));
  const absl::string_view bytes(start, sizeof(start));
  if (absl::StartsWith(bytes, "HYDRATOK") || absl::EndsWith(path, ".tokens")) {
    return InspectTokens(path);
  }
  if (absl::StartsWith(bytes, "HYDRAART") || absl::EndsWith(path, ".hydra")) {
    return InspectArtifact(path);
  }
  const std::string other = OtherKind(path, bytes);
  if (!other.empty()) return InputError(absl::StrCat(path, kExpected, other));
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
      "inspect", "Contents of an artifact, checkpoint, safetensors or token file, or of data");
  auto path = std::make_shared<std::string>();
  command.Positional("file", *path, "file, run, checkpoint or data directory");
  command.Run([path](bool json) { return Inspect(*path, json); });
}

}  // namespace hydra::tools
