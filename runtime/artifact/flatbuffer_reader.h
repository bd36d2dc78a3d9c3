// From the flatbuffer to plain structures. Private to the artifact library.
#ifndef HYDRA_RUNTIME_ARTIFACT_FLATBUFFER_READER_H_
#define HYDRA_RUNTIME_ARTIFACT_FLATBUFFER_READER_H_

#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/artifact/artifact.h"

namespace hydra::artifact {

namespace fb {
struct BufferRef;
struct CommandList;
}  // namespace fb

// Element i of a flatbuffer vector of scalars or structs. The verifier of FlatBuffers 2.0 checks
// that such a vector lies in the buffer, not that its elements are aligned; damage may have moved
// it.
template <typename Vector, typename T>
void ReadElement(const Vector& vector, uint32_t i, T* element) {
  std::memcpy(element, vector.Data() + i * sizeof(T), sizeof(T));
}

// All elements of a vector of scalars that may be absent.
template <typename Vector, typename T>
void ReadNumbers(const Vector* from, std::vector<T>* to) {
  if (from == nullptr) return;
  to->resize(from->size());
  for (uint32_t i = 0; i < from->size(); ++i) ReadElement(*from, i, &(*to)[i]);
}

// InputError for a description of another version or with features that this version does not know,
// with what a user can do. OK for anything else, also for what is no description at all.
absl::Status CheckReadable(absl::Span<const uint8_t> bytes);

// Verifies the structure and converts it. Checks enum values; ranges are table_check.h's.
absl::StatusOr<ArtifactInfo> ReadFlatbuffer(absl::Span<const uint8_t> bytes);

// Converters of parts; DataLoss for enum values that this version does not know.
absl::StatusOr<hal::BufferRef> ReadRef(const fb::BufferRef& ref);
absl::StatusOr<hal::ElementType> ReadElementType(uint8_t value);
// A null list is an empty one. `depth` counts enclosing lists.
absl::StatusOr<hal::CommandSequence> ReadCommands(const fb::CommandList* list, int depth);

}  // namespace hydra::artifact

#endif  // HYDRA_RUNTIME_ARTIFACT_FLATBUFFER_READER_H_
