// Writing text with a model: the prompt in chunks, then one token at a time.
#ifndef HYDRA_RUNTIME_GENERATE_GENERATOR_H_
#define HYDRA_RUNTIME_GENERATE_GENERATOR_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/base/status.h"
#include "runtime/data/tokenizer.h"
#include "runtime/generate/decode_engine.h"
#include "runtime/generate/sampling.h"

namespace hydra::generate {

struct GenerateOptions {
  SamplingOptions sampling = {};
  int64_t max_tokens = 128;
  std::string stop = {};  // "" for none; it is not part of the text
};

enum class StopReason { kTokens, kStopText, kCacheFull };
absl::string_view StopReasonName(StopReason reason);

struct Generation {
  std::string text;  // without the prompt
  std::vector<int32_t> tokens;
  StopReason reason = StopReason::kTokens;
  int64_t prompt_tokens = 0;
  double prompt_seconds = 0;
  double decode_seconds = 0;
};

// Continues `prompt` with tokens that the tokenizer has text for, handing pieces of text to `emit`
// as they are known. Same options, weights and prompt give the same text. A usage error for an
// empty prompt, one that does not fit in the cache, or tokens outside the model's vocabulary; a
// numerical one if the logits are not numbers.
absl::StatusOr<Generation> Generate(DecodeEngine& engine, const data::Tokenizer& tokenizer,
                                    absl::string_view prompt, const GenerateOptions& options,
                                    const std::function<void(absl::string_view)>& emit);

}  // namespace hydra::generate

#endif  // HYDRA_RUNTIME_GENERATE_GENERATOR_H_
