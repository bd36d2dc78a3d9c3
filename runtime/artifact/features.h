// Feature bits: what a reader must understand to run an artifact (artifact.fbs Feature). The writer
// sets those that the content needs; the reader refuses bits it does not know, and content without
// its bits.
#ifndef HYDRA_RUNTIME_ARTIFACT_FEATURES_H_
#define HYDRA_RUNTIME_ARTIFACT_FEATURES_H_

#include <cstdint>
#include <string>

#include "runtime/artifact/artifact.h"

namespace hydra::artifact {

// The bits of everything that `info` uses.
uint64_t FeaturesOf(const ArtifactInfo& info);

// The bits that this version knows.
uint64_t KnownFeatures();

// "views, bit 40": names where known, numbers where not.
std::string FeatureNames(uint64_t bits);

}  // namespace hydra::artifact

#endif  // HYDRA_RUNTIME_ARTIFACT_FEATURES_H_
