// Runs the fuzz entry on random mutations of good descriptions. Under the sanitizer presets this is
// the proof that damage which hashes do not stop never becomes undefined behaviour. The mutations
// are counter-based, so a failure repeats.
#include <gtest/gtest.h>

#include <cstring>

#include "runtime/base/philox.h"
#include "tests/artifact/artifact_builder.h"
#include "tests/artifact/sample_artifact.h"
#include "tests/io/fuzz_entries.h"

namespace hydra {
namespace {

// The description in a file, between header and sections.
std::vector<uint8_t> Description(const std::vector<uint8_t>& file) {
  uint64_t length = 0;
  std::memcpy(&length, file.data() + 16, sizeof(length));
  return {file.begin() + 32, file.begin() + 32 + static_cast<ptrdiff_t>(length)};
}

// With every command, but without sections, so that mutations get as far as the last check.
std::vector<uint8_t> WithoutSections() {
  artifact::ArtifactInfo info = artifact::testing::EverythingInfo({});
  info.region_bytes[static_cast<int>(hal::Region::kConstants)] = 0;
  info.kernels.clear();
  for (artifact::EntryInfo& entry : info.entries) {
    std::erase_if(entry.body, [](const hal::Command& command) {
      return std::holds_alternative<hal::KernelCommand>(command.body) ||
             std::holds_alternative<hal::RepeatCommand>(command.body);
    });
    entry.dead.clear();
  }
  return Description(artifact::testing::BuildArtifact(info, {}));
}

std::vector<uint8_t> WithSections() {
  const artifact::ArtifactInfo info = artifact::testing::EverythingInfo({"x86-64-v3"});
  return Description(
      artifact::testing::BuildArtifact(info, artifact::testing::SampleSections(info)));
}

TEST(ArtifactMutationTest, NoMutationBreaksThePromises) {
  const Philox random(20, 0);
  uint64_t draw = 0;
  const auto below = [&](uint64_t bound) { return random.Below(draw++, bound); };
  const std::vector<uint8_t> seeds[] = {WithoutSections(), WithSections()};
  ASSERT_TRUE(Fuzz_artifact(seeds[0].data(), seeds[0].size()));
  ASSERT_FALSE(Fuzz_artifact(seeds[1].data(), seeds[1].size()));  // its sections are missing
  int accepted = 0, refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::vector<uint8_t> bytes = seeds[round % 2];
    for (uint64_t edits = below(3) + 1; edits > 0; --edits) {
      const size_t at = below(bytes.size());
      switch (below(3)) {
        case 0:
          bytes[at] ^= static_cast<uint8_t>(1 << below(8));
          break;
        case 1: {  // a length, an offset or an extent at the edge
          const uint64_t edges[] = {0, 1, 0x7fffffff, 0xffffffff, ~uint64_t{0}, uint64_t{1} << 63};
          const uint64_t value = edges[below(6)];
          std::memcpy(bytes.data() + at, &value, std::min<size_t>(8, bytes.size() - at));
          break;
        }
        default:
          bytes.resize(std::max<size_t>(1, at));
          break;
      }
    }
    ++(Fuzz_artifact(bytes.data(), bytes.size()) ? accepted : refused);
  }
  EXPECT_GT(accepted, 100);
  EXPECT_GT(refused, 10000);
}

}  // namespace
}  // namespace hydra
