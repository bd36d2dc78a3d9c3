// Checks that tie the tables of an artifact together. Private to the artifact library.
#ifndef HYDRA_RUNTIME_ARTIFACT_TABLE_CHECK_H_
#define HYDRA_RUNTIME_ARTIFACT_TABLE_CHECK_H_

#include "absl/status/status.h"
#include "runtime/artifact/artifact.h"

namespace hydra::artifact {

// OK if every name is unique, every buffer lies in its region with the size of its shape and overlaps no
// other, every kernel has an entry point in each code section, every command passes
// runtime/base/command_check.h and every index exists.
absl::Status CheckTables(const ArtifactInfo& info);

}  // namespace hydra::artifact

#endif  // HYDRA_RUNTIME_ARTIFACT_TABLE_CHECK_H_
