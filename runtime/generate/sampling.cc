#include "runtime/generate/sampling.h"

#include <cmath>

namespace hydra::generate {

absl::Status CheckSamplingOptions(const SamplingOptions& options) {
  if (!(options.temperature >= 0) || !std::isfinite(options.temperature)) {
    return UsageError(
        absl::StrCat("--temperature must be 0 or a positive number, found ", options.temperature));
  }
  if (options.top_k < 0) {
    return UsageError(
        absl::StrCat("--top-k must be 0 (off) or a positive count, found ", options.top_k));
  }
  if (!(options.top_p > 0 && options.top_p <= 1)) {
    return UsageError(absl::StrCat("--top-p must lie in (0, 1], found ", options.top_p));
  }
  if (!(options.repeat_penalty > 0) || !std::isfinite(options.repeat_penalty)) {
    return UsageError(
        absl::StrCat("--repeat-penalty must be a positive number, found ", options.repeat_penalty));
  }
  return absl::OkStatus();
}

}  // namespace hydra::generate
