// From plain structures to the flatbuffer of an artifact. Private to this folder.
#ifndef HYDRA_COMPILER_ARTIFACT_TABLESERIALIZER_H
#define HYDRA_COMPILER_ARTIFACT_TABLESERIALIZER_H

#include "runtime/artifact/artifact.h"

namespace mlir::hydra {

// The flatbuffer of `info`, sections included. Its size does not depend on any number, so that the
// offsets of sections can be filled in once it is known. Same input, same bytes.
std::vector<uint8_t> serializeTables(const ::hydra::artifact::ArtifactInfo &info);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_ARTIFACT_TABLESERIALIZER_H
