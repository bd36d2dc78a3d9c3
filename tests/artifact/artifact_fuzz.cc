// Fuzz entry of the artifact reader: arbitrary bytes as a file, and as the description inside a
// file whose header and hash are right, which is what hashes cannot stop.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "runtime/artifact/artifact.h"
#include "runtime/artifact/features.h"
#include "runtime/artifact/format.h"
#include "runtime/base/command_check.h"
#include "runtime/base/command_walk.h"
#include "tests/artifact/artifact_builder.h"
#include "tests/io/fuzz_entries.h"

namespace hydra {
namespace {

void Require(bool promise, const char* what) {
  if (promise) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

// Opens a copy of exactly these bytes and checks what Artifact promises of anything it accepts.
bool Open(const std::vector<uint8_t>& bytes) {
  std::vector<uint64_t> aligned((bytes.size() + 7) / 8);
  if (!bytes.empty()) std::memcpy(aligned.data(), bytes.data(), bytes.size());
  const auto* data = reinterpret_cast<const uint8_t*>(aligned.data());
  const auto opened = artifact::Artifact::FromMemory({data, bytes.size()}, "fuzz");
  if (!opened.ok()) {
    Require(!opened.status().message().empty(), "an error has a message");
    return false;
  }
  const artifact::ArtifactInfo& info = (*opened)->info();
  Require((info.required_features & ~artifact::KnownFeatures()) == 0, "features are known");
  const hal::CommandLimits limits{info.region_bytes, info.kernels.size()};
  for (const artifact::EntryInfo& entry : info.entries) {
    Require(hal::CheckCommands(entry.body, limits).ok(), "commands keep their rules");
    hal::ForEachCommand(entry.body, [&](const hal::Command& command) {
      Require(command.scope < info.scopes.size(), "scopes exist");
    });
  }
  unsigned sum = 0;
  for (const artifact::SectionInfo& section : info.sections) {
    const absl::Span<const uint8_t> part = (*opened)->Bytes(section);
    // Reading the first and last byte makes a sanitizer see a view outside the file.
    if (!part.empty()) sum += part.front() + part.back();
  }
  Require(sum < ~0u, "sections lie inside the file");
  return true;
}

}  // namespace

bool Fuzz_artifact(const uint8_t* data, size_t size) {
  const std::vector<uint8_t> bytes(data, data + size);
  const bool file = Open(bytes);
  artifact::FileHeader header;
  std::memcpy(header.magic, artifact::kMagic, sizeof(header.magic));
  header.header_version = artifact::kHeaderVersion;
  header.header_bytes = sizeof(header);
  header.flatbuffer_bytes = size;
  header.flatbuffer_hash = artifact::testing::DescriptionHash(bytes);
  std::vector<uint8_t> wrapped(sizeof(header) + size);
  std::memcpy(wrapped.data(), &header, sizeof(header));
  if (size > 0) std::memcpy(wrapped.data() + sizeof(header), data, size);
  return Open(wrapped) || file;
}

}  // namespace hydra
