// Writing texts with a model: prompts in chunks, then one token of every sequence at a time.
#ifndef HYDRA_RUNTIME_GENERATE_GENERATOR_H_
#define HYDRA_RUNTIME_GENERATE_GENERATOR_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
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
  double prompt_seconds = 0;  // from its first chunk to its first token
  double decode_seconds = 0;  // from there to its last
};

// Hears what is written, prompt by prompt, numbered from 0.
class TextObserver {
 public:
  virtual ~TextObserver() = default;
  virtual void Text(size_t prompt, absl::string_view piece) = 0;
  // The text of the prompt is complete.
  virtual void End(size_t prompt) = 0;
};

// Whether Generate would take these prompts: its usage errors, without writing anything.
absl::Status CheckPrompts(const DecodeEngine& engine, const data::Tokenizer& tokenizer,
                          absl::Span<const std::string> prompts);

// Continues every prompt with tokens that the tokenizer has text for, as many at once as the engine
// has rows; a sequence that ends gives its row to the next prompt. Pieces of text go to
// `observer` as they are known. Same options, weights and prompt give the same text,
// whatever the other prompts. A usage error for an empty prompt, one that does not fit in the
// cache, or tokens outside the model's vocabulary, before anything is emitted; a numerical one if
// logits are not numbers.
absl::StatusOr<std::vector<Generation>> Generate(DecodeEngine& engine,
                                                 const data::Tokenizer& tokenizer,
                                                 absl::Span<const std::string> prompts,
                                                 const GenerateOptions& options,
                                                 TextObserver& observer);

}  // namespace hydra::generate

#endif  // HYDRA_RUNTIME_GENERATE_GENERATOR_H_
