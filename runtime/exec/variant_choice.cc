#include "runtime/exec/variant_choice.h"

#include "absl/strings/match.h"

namespace hydra {

absl::string_view VariantForUse(const artifact::ArtifactInfo& info, absl::string_view entry) {
  absl::string_view best;
  for (const artifact::EntryInfo& candidate : info.entries) {
    if (candidate.name != entry) continue;
    if (best.empty() || !absl::EndsWith(candidate.variant, "_forced")) best = candidate.variant;
  }
  return best;
}

}  // namespace hydra
