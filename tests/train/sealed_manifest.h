// Manifests of checkpoints as a test writes them, whatever they list.
#ifndef HYDRA_TESTS_TRAIN_SEALED_MANIFEST_H_
#define HYDRA_TESTS_TRAIN_SEALED_MANIFEST_H_

#include <map>
#include <string>

#include "absl/strings/string_view.h"

namespace hydra::train {

// manifest.json of files with these contents, by name.
std::string ManifestOf(const std::map<std::string, std::string>& files);

// A manifest with its own hash made right, so that what it says is looked at; as it is if it is not
// close enough to a manifest to have one.
std::string SealManifest(absl::string_view manifest);

}  // namespace hydra::train

#endif  // HYDRA_TESTS_TRAIN_SEALED_MANIFEST_H_
