// manifest.json of a checkpoint: sizes and hashes of its files, so that damage is always noticed.
#ifndef HYDRA_RUNTIME_TRAIN_MANIFEST_H_
#define HYDRA_RUNTIME_TRAIN_MANIFEST_H_

#include <string>
#include <vector>

#include "runtime/base/status.h"

namespace hydra::train {

inline constexpr char kManifestFile[] = "manifest.json";

// Hashes `files` inside `directory` and writes the manifest there.
absl::Status WriteManifest(const std::string& directory, const std::vector<std::string>& files);

// The files of a checkpoint directory, after checking each against the manifest. kNotFound if there
// is no manifest; kDataLoss names the first file that is missing, torn or altered.
absl::StatusOr<std::vector<std::string>> VerifyManifest(const std::string& directory);

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_MANIFEST_H_
