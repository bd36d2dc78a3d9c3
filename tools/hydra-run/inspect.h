// What `inspect` prints, per kind of file. Each returns the object that --json prints, and the
// text.
#ifndef HYDRA_TOOLS_HYDRA_RUN_INSPECT_H_
#define HYDRA_TOOLS_HYDRA_RUN_INSPECT_H_

#include <string>

#include "runtime/base/status.h"
#include "tools/hydra-run/console.h"

namespace hydra::tools {

struct Inspection {
  Json json;
  std::string text;
};

absl::StatusOr<Inspection> InspectArtifact(const std::string& path);
absl::StatusOr<Inspection> InspectCheckpoint(const std::string& path);
absl::StatusOr<Inspection> InspectSafetensors(const std::string& path);
absl::StatusOr<Inspection> InspectData(const std::string& directory);
absl::StatusOr<Inspection> InspectTokens(const std::string& path);

}  // namespace hydra::tools

#endif  // HYDRA_TOOLS_HYDRA_RUN_INSPECT_H_
