// Builds artifact files from plain structures, for tests of everything that reads them.
#ifndef HYDRA_TESTS_ARTIFACT_ARTIFACT_BUILDER_H_
#define HYDRA_TESTS_ARTIFACT_ARTIFACT_BUILDER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/artifact/artifact.h"

namespace hydra::artifact::testing {

struct SectionBytes {
  SectionKind kind = SectionKind::kCode;
  std::string name;
  std::vector<uint8_t> bytes;
};

// The bytes of an artifact file with this content; `info.sections` is replaced by `sections`. Nothing is
// checked, so that wrong artifacts can be built; hashes and offsets are right.
std::vector<uint8_t> BuildArtifact(const ArtifactInfo& info,
                                   const std::vector<SectionBytes>& sections);

// The hash that the file header holds for a flatbuffer.
uint64_t DescriptionHash(const std::vector<uint8_t>& flatbuffer);

// Writes `bytes` to a file of that name in the test's temporary folder and returns its path.
std::string WriteTestFile(const std::string& name, const std::vector<uint8_t>& bytes);

// A shortcut for tables of named buffers.
NamedBuffer MakeBuffer(const std::string& name, hal::Region region, uint64_t offset,
                       hal::ElementType type, const std::vector<int64_t>& shape,
                       double initial = 0);

}  // namespace hydra::artifact::testing

#endif  // HYDRA_TESTS_ARTIFACT_ARTIFACT_BUILDER_H_
