// manifest.json of a checkpoint: sizes and hashes of its files, so that damage is always noticed.
#ifndef HYDRA_RUNTIME_TRAIN_MANIFEST_H_
#define HYDRA_RUNTIME_TRAIN_MANIFEST_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/base/status.h"
#include "runtime/io/atomic_file.h"
#include "runtime/io/file_digest.h"

namespace hydra::train {

inline constexpr char kManifestFile[] = "manifest.json";

struct ManifestEntry {
  std::string file;
  FileDigest digest;
};

// Writes the manifest of these files, which lie in `directory` already, into it.
absl::Status WriteManifest(const AtomicDirectory& directory, std::vector<ManifestEntry> entries);

// What a checkpoint directory holds, every file compared with the manifest, by size and by hash.
// kInput if there is no manifest; otherwise it names the first file that is missing, torn, altered,
// in the directory but not listed, or in `required` but not listed.
absl::StatusOr<std::vector<ManifestEntry>> VerifyManifest(
    const std::string& directory, absl::Span<const absl::string_view> required);

// The contents of a listed file, compared with its entry: what is read is what was checked.
absl::StatusOr<std::string> ReadListedFile(const std::string& directory,
                                           const ManifestEntry& entry);

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_MANIFEST_H_
