#include "runtime/artifact/assemble.h"

#include <algorithm>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "absl/strings/str_cat.h"
#include "runtime/artifact/format.h"
#include "runtime/artifact/table_serializer.h"
#include "runtime/base/status.h"

namespace hydra::artifact {

absl::StatusOr<std::vector<uint8_t>> AssembleHead(ArtifactInfo& info) {
  // Offsets depend on the size of the tables, which does not depend on offsets.
  uint64_t end = sizeof(FileHeader) + SerializeTables(info).size();
  for (SectionInfo& section : info.sections) {
    section.offset = AlignSection(end);
    end = section.offset + section.bytes;
  }
  const std::vector<uint8_t> tables = SerializeTables(info);
  constexpr uint64_t kMaxTables = (uint64_t{1} << 31) - 1;
  if (tables.size() > kMaxTables) {
    return FailureError(absl::StrCat("the plan needs ", tables.size(),
                                     " bytes of tables, more than the ", kMaxTables,
                                     " an artifact can hold; compile fewer entries"));
  }
  FileHeader header;
  std::copy(std::begin(kMagic), std::end(kMagic), header.magic);
  header.header_version = kHeaderVersion;
  header.header_bytes = sizeof(FileHeader);
  header.flatbuffer_bytes = tables.size();
  header.flatbuffer_hash = XXH3_64bits(tables.data(), tables.size());
  std::vector<uint8_t> head(sizeof(header) + tables.size());
  std::memcpy(head.data(), &header, sizeof(header));
  std::copy(tables.begin(), tables.end(), head.begin() + sizeof(header));
  return head;
}

}  // namespace hydra::artifact
