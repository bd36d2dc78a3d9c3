#include "runtime/generate/generator.h"

#include <algorithm>
#include <chrono>

#include "runtime/generate/text_stream.h"

namespace hydra::generate {
namespace {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

absl::Status CheckPrompt(const std::vector<int32_t>& tokens, const DecodeEngine& engine) {
  const int64_t count = static_cast<int64_t>(tokens.size());
  if (tokens.empty()) {
    return UsageError("--prompt: expected a text to continue, found an empty one");
  }
  if (count > engine.cache_len()) {
    return UsageError(absl::StrCat(
        "--prompt: expected at most ", engine.cache_len(),
        " tokens, the positions of the decoding ", "cache, found ", count, "; shorten the prompt",
        count <= engine.max_seq_len()
            ? absl::StrCat(" or compile with --cache=", engine.max_seq_len())
            : absl::StrCat(", the model itself takes no more than ", engine.max_seq_len())));
  }
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] < 0 || tokens[i] >= engine.vocab_size()) {
      return UsageError(absl::StrCat("--prompt: expected ids below the model's vocabulary of ",
                                     engine.vocab_size(), ", found ", tokens[i], " as token ", i,
                                     "; use the tokenizer that the model was trained with"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view StopReasonName(StopReason reason) {
  switch (reason) {
    case StopReason::kTokens:
      return "tokens";
    case StopReason::kStopText:
      return "stop_text";
    case StopReason::kCacheFull:
      return "cache_full";
  }
  return "";
}

absl::StatusOr<Generation> Generate(DecodeEngine& engine, const data::Tokenizer& tokenizer,
                                    absl::string_view prompt, const GenerateOptions& options,
                                    const std::function<void(absl::string_view)>& emit) {
  HYDRA_RETURN_IF_ERROR(CheckSamplingOptions(options.sampling));
  HYDRA_ASSIGN_OR_RETURN(const std::vector<int32_t> tokens, tokenizer.Encode(prompt));
  HYDRA_RETURN_IF_ERROR(CheckPrompt(tokens, engine));
  HYDRA_RETURN_IF_ERROR(engine.Reset());
  const Clock::time_point start = Clock::now();
  Generation result;
  result.prompt_tokens = static_cast<int64_t>(tokens.size());
  int64_t position = 0;
  absl::Span<const float> logits;
  while (position < result.prompt_tokens) {
    const int64_t count = std::min(engine.largest_chunk(), result.prompt_tokens - position);
    HYDRA_ASSIGN_OR_RETURN(
        logits, engine.Extend(absl::MakeConstSpan(tokens).subspan(position, count), position));
    position += count;
  }
  const Clock::time_point prompt_end = Clock::now();
  TextStream stream(options.stop, emit);
  // Ids that the tokenizer has no text for are never chosen.
  const size_t known = static_cast<size_t>(std::min(tokenizer.vocab_size(), engine.vocab_size()));
  while (static_cast<int64_t>(result.tokens.size()) < options.max_tokens) {
    HYDRA_ASSIGN_OR_RETURN(const int32_t token,
                           SampleToken(logits.subspan(0, known), options.sampling, 0,
                                       static_cast<uint64_t>(position)));
    result.tokens.push_back(token);
    HYDRA_ASSIGN_OR_RETURN(const std::string piece, tokenizer.Decode({token}));
    if (stream.Append(piece)) {
      result.reason = StopReason::kStopText;
      break;
    }
    if (static_cast<int64_t>(result.tokens.size()) == options.max_tokens) break;
    if (position == engine.cache_len()) {
      result.reason = StopReason::kCacheFull;
      break;
    }
    HYDRA_ASSIGN_OR_RETURN(logits, engine.Extend({token}, position));
    ++position;
  }
  if (result.reason != StopReason::kStopText) stream.Finish();
  result.text = stream.text();
  result.prompt_seconds = Seconds(start, prompt_end);
  result.decode_seconds = Seconds(prompt_end, Clock::now());
  return result;
}

}  // namespace hydra::generate
