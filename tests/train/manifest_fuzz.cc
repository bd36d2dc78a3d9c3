// Fuzz entry of manifest.json, as it is and with its own hash made right, which is what a hash
// cannot stop: whatever it lists, what is taken lies in the directory with the size and hash that
// it says.
#include <cstdlib>
#include <map>
#include <string>

#include "runtime/train/manifest.h"
#include "tests/io/fuzz_directory.h"
#include "tests/io/fuzz_entries.h"
#include "tests/train/sealed_manifest.h"

namespace hydra {
namespace {

bool Verify(const FuzzDirectory& directory, absl::string_view manifest) {
  directory.Write(train::kManifestFile, manifest);
  const auto entries = train::VerifyManifest(directory.path(), {"run.json"});
  if (!entries.ok()) {
    if (entries.status().message().empty()) std::abort();
    return false;
  }
  for (const train::ManifestEntry& entry : *entries) {
    const auto contents = train::ReadListedFile(directory.path(), entry);
    if (!contents.ok() || contents->size() != entry.digest.bytes) std::abort();
  }
  return true;
}

}  // namespace

bool Fuzz_manifest(const uint8_t* data, size_t size) {
  static const FuzzDirectory directory;
  static const bool made = [] {
    directory.Write("run.json", "{}\n");
    directory.Write("weights.safetensors", "");
    return true;
  }();
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const bool accepted = made && Verify(directory, text);
  return Verify(directory, train::SealManifest(text)) || accepted;
}

}  // namespace hydra
