// Which of an entry's variants to run where no training step says it.
#ifndef HYDRA_RUNTIME_EXEC_VARIANT_CHOICE_H_
#define HYDRA_RUNTIME_EXEC_VARIANT_CHOICE_H_

#include "absl/strings/string_view.h"
#include "runtime/artifact/artifact.h"

namespace hydra {

// The variant in which everything routes as in a trained model: the last one whose experts are not
// forced (docs/contracts.md, "Phases"); "" if there is no such entry. Lives as long as `info`.
absl::string_view VariantForUse(const artifact::ArtifactInfo& info, absl::string_view entry);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_EXEC_VARIANT_CHOICE_H_
