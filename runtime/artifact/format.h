// The bytes around an artifact's flatbuffer, for the writer and the reader.
//
//   0                     FileHeader
//   32                    flatbuffer (artifact.fbs), hashed by the header
//   next multiple of 4096 sections in the order of Artifact.sections, each at the next multiple of
//   4096
//                         after the one before, each hashed by its Section entry
//
// Gaps are zero and the file ends with the last section (or with the flatbuffer if there is none),
// so every byte of a file is checked. Integers are little-endian.
#ifndef HYDRA_RUNTIME_ARTIFACT_FORMAT_H_
#define HYDRA_RUNTIME_ARTIFACT_FORMAT_H_

#include <cstdint>

namespace hydra::artifact {

inline constexpr char kMagic[8] = {'H', 'Y', 'D', 'R', 'A', 'A', 'R', 'T'};
// Of the layout on this page; the flatbuffer has a version of its own.
inline constexpr uint32_t kHeaderVersion = 1;
inline constexpr uint64_t kSectionAlignment = 4096;
// Version of the flatbuffer that this source writes and reads.
inline constexpr uint32_t kVersionMajor = 2;
inline constexpr uint32_t kVersionMinor = 0;

struct FileHeader {
  char magic[8];
  uint32_t header_version;
  uint32_t header_bytes;      // sizeof(FileHeader)
  uint64_t flatbuffer_bytes;  // less than 2^31
  uint64_t flatbuffer_hash;   // XXH3 64 of the flatbuffer
};
static_assert(sizeof(FileHeader) == 32);

// The first section offset at or after `end`.
constexpr uint64_t AlignSection(uint64_t end) {
  return (end + kSectionAlignment - 1) / kSectionAlignment * kSectionAlignment;
}

}  // namespace hydra::artifact

#endif  // HYDRA_RUNTIME_ARTIFACT_FORMAT_H_
