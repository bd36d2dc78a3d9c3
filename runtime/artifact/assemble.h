// Puts an artifact file together (format.h): for the compiler, and for whoever adds sections to a
// file that it wrote.
#ifndef HYDRA_RUNTIME_ARTIFACT_ASSEMBLE_H_
#define HYDRA_RUNTIME_ARTIFACT_ASSEMBLE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/artifact/artifact.h"

namespace hydra::artifact {

// What stands before the first section: header and description. Fills in the offsets of
// `info.sections`, of which kind, name, size and hash are given; each section then stands at its
// offset, with zeros before it. A failure if the description is larger than a file can hold.
absl::StatusOr<std::vector<uint8_t>> AssembleHead(ArtifactInfo& info);

}  // namespace hydra::artifact

#endif  // HYDRA_RUNTIME_ARTIFACT_ASSEMBLE_H_
