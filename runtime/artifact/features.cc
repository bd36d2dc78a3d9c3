#include "runtime/artifact/features.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/artifact/artifact_generated.h"
#include "runtime/base/command_walk.h"

namespace hydra::artifact {
namespace {

using fb::Feature;

Feature OfCommand(const hal::Command& command) {
  Feature features = Feature::NONE;
  hal::ForEachRef(command, [&](const hal::BufferRef& ref) {
    if (ref.pitch != 0) features |= Feature::views;
  });
  if (const auto* kernel = std::get_if<hal::KernelCommand>(&command.body)) {
    if (kernel->geometry) features |= Feature::launch_geometry;
  } else if (const auto* matmul = std::get_if<hal::MatmulCommand>(&command.body)) {
    if (matmul->offsets) features |= Feature::row_offsets;
    if (matmul->k_slice != 0) features |= Feature::contraction_slices;
    if (matmul->a_type != hal::ElementType::kF32) features |= Feature::element_types;
    if (matmul->b_layout != hal::MatrixLayout::kPlain) features |= Feature::packed_layout;
  } else if (std::holds_alternative<hal::RepeatCommand>(command.body)) {
    features |= Feature::repeat;
  }
  return features;
}

}  // namespace

uint64_t FeaturesOf(const ArtifactInfo& info) {
  Feature features = Feature::NONE;
  for (const EntryInfo& entry : info.entries) {
    hal::ForEachCommand(entry.body,
                        [&](const hal::Command& command) { features |= OfCommand(command); });
    if (!entry.record.empty()) features |= Feature::step_record;
  }
  if (!info.derived.empty()) features |= Feature::derived_buffers;
  for (const SectionInfo& section : info.sections) {
    if (section.kind >= SectionKind::kWeights) features |= Feature::bundle;
  }
  return static_cast<uint64_t>(features);
}

uint64_t KnownFeatures() { return static_cast<uint64_t>(Feature::ANY); }

std::string FeatureNames(uint64_t bits) {
  std::vector<std::string> names;
  for (int bit = 0; bit < 64; ++bit) {
    const uint64_t feature = uint64_t{1} << bit;
    if ((bits & feature) == 0) continue;
    if ((feature & KnownFeatures()) != 0) {
      names.push_back(fb::EnumNameFeature(static_cast<Feature>(feature)));
    } else {
      names.push_back(absl::StrCat("bit ", bit));
    }
  }
  return absl::StrJoin(names, ", ");
}

}  // namespace hydra::artifact
