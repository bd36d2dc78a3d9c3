// A small model with real machine code, for tests of reader and executor.
//
//   forward@BxS (S 4 and 8)  y = factor * (x W) for x [S,4], W [4,4]; one matmul, one kernel
//   accumulate@1x4           gradient += x, loss = sum of nothing: copies x[0] to output `loss`
//   apply@1x4                weight = gradient (a copy), output `norm` = first gradient
#ifndef HYDRA_TESTS_ARTIFACT_SAMPLE_ARTIFACT_H_
#define HYDRA_TESTS_ARTIFACT_SAMPLE_ARTIFACT_H_

#include <vector>

#include "tests/artifact/artifact_builder.h"

namespace hydra::artifact::testing {

// Tables of the sample. Kernel 0 is `scale` (out[i] = in[i] * scalar), kernel 1 `add` (out[i] +=
// in[i]).
ArtifactInfo SampleInfo(const std::vector<std::string>& isa_levels);

// The sample with one more entry, that no device runs: every command, field and feature that an
// artifact can have. For round trips and damage.
ArtifactInfo EverythingInfo(const std::vector<std::string>& isa_levels);

// Sections of both: the same code for each level, and constants.
std::vector<SectionBytes> SampleSections(const ArtifactInfo& info);

}  // namespace hydra::artifact::testing

#endif  // HYDRA_TESTS_ARTIFACT_SAMPLE_ARTIFACT_H_
