// From plain structures to the flatbuffer of an artifact; flatbuffer_reader.h is the way back.
// Private to this folder.
#ifndef HYDRA_RUNTIME_ARTIFACT_TABLE_SERIALIZER_H_
#define HYDRA_RUNTIME_ARTIFACT_TABLE_SERIALIZER_H_

#include <cstdint>
#include <vector>

#include "runtime/artifact/artifact.h"

namespace hydra::artifact {

// The flatbuffer of `info`, sections included. Its size does not depend on any number, so that the
// offsets of sections can be filled in once it is known. Same input, same bytes.
std::vector<uint8_t> SerializeTables(const ArtifactInfo& info);

}  // namespace hydra::artifact

#endif  // HYDRA_RUNTIME_ARTIFACT_TABLE_SERIALIZER_H_
