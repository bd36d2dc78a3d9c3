#include "runtime/app/file_kind.h"

#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace hydra::app {
namespace {

// What a file that has none of the known marks seems to be, and what to do with it; "" if it may be
// safetensors, which has no mark of its own.
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

}  // namespace

absl::StatusOr<FileKind> IdentifyFile(const std::string& path) {
  constexpr absl::string_view kExpected =
      ": expected an artifact, checkpoint, safetensors or token file, or a data directory, found ";
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return InputError(absl::StrCat(path, kExpected, "nothing; check the path"));
  }
  if (std::filesystem::is_directory(path, ignored)) {
    const bool data = std::filesystem::exists(std::filesystem::path(path) / "data.json", ignored);
    return data ? FileKind::kData : FileKind::kCheckpoint;
  }
  char start[16] = {};
  std::ifstream(path, std::ios::binary).read(start, sizeof(start));
  const absl::string_view bytes(start, sizeof(start));
  if (absl::StartsWith(bytes, "HYDRATOK") || absl::EndsWith(path, ".tokens")) {
    return FileKind::kTokens;
  }
  if (absl::StartsWith(bytes, "HYDRAART") || absl::EndsWith(path, ".hydra")) {
    return FileKind::kArtifact;
  }
  const std::string other = OtherKind(path, bytes);
  if (!other.empty()) return InputError(absl::StrCat(path, kExpected, other));
  return FileKind::kSafetensors;
}

}  // namespace hydra::app
