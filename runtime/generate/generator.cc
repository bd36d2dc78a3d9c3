#include "runtime/generate/generator.h"

#include <algorithm>
#include <chrono>
#include <memory>

#include "runtime/base/hash.h"
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
    return UsageError("expected a text to continue, found an empty one");
  }
  if (count > engine.cache_len()) {
    return UsageError(absl::StrCat(
        "expected at most ", engine.cache_len(), " tokens, the positions of the decoding ",
        "cache, found ", count, "; shorten the prompt",
        count <= engine.max_seq_len()
            ? absl::StrCat(" or compile with --cache=", engine.max_seq_len())
            : absl::StrCat(", the model itself takes no more than ", engine.max_seq_len())));
  }
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] < 0 || tokens[i] >= engine.vocab_size()) {
      return UsageError(absl::StrCat("expected ids below the model's vocabulary of ",
                                     engine.vocab_size(), ", found ", tokens[i], " as token ", i,
                                     "; use the tokenizer that the model was trained with"));
    }
  }
  return absl::OkStatus();
}

// One prompt on its way.
class Sequence {
 public:
  // `tokens` are those of `prompt`, the number-th. Random numbers are the prompt's own, so that
  // prompts draw independently of each other and the same whatever stands beside them.
  Sequence(size_t number, absl::string_view prompt, std::vector<int32_t> tokens,
           const GenerateOptions& options, TextObserver& observer)
      : number_(number),
        tokens_(std::move(tokens)),
        sequence_(static_cast<uint32_t>(Hash64(prompt))),
        options_(options),
        observer_(observer),
        stream_(options.stop,
                [&observer, number](absl::string_view piece) { observer.Text(number, piece); }) {
    result_.prompt_tokens = static_cast<int64_t>(tokens_.size());
  }

  bool done() const { return done_; }

  // The tokens of the next step: a chunk of the prompt, or the token that was chosen.
  SequenceStep Next(int64_t row, int64_t largest_chunk) {
    if (position_ == 0) start_ = Clock::now();
    const int64_t count = std::min(largest_chunk, static_cast<int64_t>(tokens_.size()) - position_);
    return {.row = row,
            .tokens = absl::MakeConstSpan(tokens_).subspan(position_, count),
            .position = position_,
            .seed = options_.sampling.seed,
            .sequence = sequence_};
  }

  // The token that follows the step.
  absl::Status Take(const SequenceStep& step, int32_t token, const data::Tokenizer& tokenizer,
                    int64_t cache_len) {
    position_ += static_cast<int64_t>(step.tokens.size());
    if (position_ < static_cast<int64_t>(tokens_.size())) return absl::OkStatus();  // the prompt
    if (result_.tokens.empty()) first_token_ = Clock::now();
    if (options_.max_tokens == 0) return End(StopReason::kTokens);
    result_.tokens.push_back(token);
    HYDRA_ASSIGN_OR_RETURN(const std::string piece, tokenizer.DecodeNext(token));
    if (stream_.Append(piece)) return End(StopReason::kStopText);
    if (static_cast<int64_t>(result_.tokens.size()) == options_.max_tokens) {
      return End(StopReason::kTokens);
    }
    if (position_ == cache_len) return End(StopReason::kCacheFull);
    tokens_.push_back(token);
    return absl::OkStatus();
  }

  Generation Result() && { return std::move(result_); }

 private:
  absl::Status End(StopReason reason) {
    done_ = true;
    result_.reason = reason;
    if (reason != StopReason::kStopText) stream_.Finish();
    result_.text = stream_.text();
    result_.prompt_seconds = Seconds(start_, first_token_);
    result_.decode_seconds = Seconds(first_token_, Clock::now());
    observer_.End(number_);
    return absl::OkStatus();
  }

  size_t number_;
  std::vector<int32_t> tokens_;  // the prompt's, and those chosen that have a place
  uint32_t sequence_;
  const GenerateOptions& options_;
  TextObserver& observer_;
  TextStream stream_;
  int64_t position_ = 0;  // tokens that the engine has
  bool done_ = false;
  Clock::time_point start_, first_token_;
  Generation result_;
};

// The ids of all prompts, checked before anything runs.
absl::StatusOr<std::vector<std::vector<int32_t>>> EncodePrompts(
    const DecodeEngine& engine, const data::Tokenizer& tokenizer,
    absl::Span<const std::string> prompts) {
  std::vector<std::vector<int32_t>> encoded;
  for (size_t i = 0; i < prompts.size(); ++i) {
    HYDRA_ASSIGN_OR_RETURN(std::vector<int32_t> tokens, tokenizer.Encode(prompts[i]));
    HYDRA_RETURN_IF_ERROR(
        Annotate(CheckPrompt(tokens, engine),
                 prompts.size() == 1 ? std::string("prompt") : absl::StrCat("prompt ", i + 1)));
    encoded.push_back(std::move(tokens));
  }
  return encoded;
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

absl::Status CheckPrompts(const DecodeEngine& engine, const data::Tokenizer& tokenizer,
                          absl::Span<const std::string> prompts) {
  return EncodePrompts(engine, tokenizer, prompts).status();
}

absl::StatusOr<std::vector<Generation>> Generate(DecodeEngine& engine,
                                                 const data::Tokenizer& tokenizer,
                                                 absl::Span<const std::string> prompts,
                                                 const GenerateOptions& options,
                                                 TextObserver& observer) {
  HYDRA_ASSIGN_OR_RETURN(std::vector<std::vector<int32_t>> encoded,
                         EncodePrompts(engine, tokenizer, prompts));
  std::vector<std::unique_ptr<Sequence>> sequences;
  for (size_t i = 0; i < prompts.size(); ++i) {
    sequences.push_back(
        std::make_unique<Sequence>(i, prompts[i], std::move(encoded[i]), options, observer));
  }
  // Ids that the tokenizer has no text for are never chosen.
  HYDRA_RETURN_IF_ERROR(engine.SetSampling(
      options.sampling, std::min<int64_t>(tokenizer.vocab_size(), engine.vocab_size())));
  std::vector<Sequence*> rows(static_cast<size_t>(engine.rows()), nullptr);
  std::vector<SequenceStep> steps;
  std::vector<int32_t> chosen;
  for (size_t waiting = 0;;) {
    steps.clear();
    for (size_t row = 0; row < rows.size(); ++row) {
      if (rows[row] == nullptr && waiting < sequences.size())
        rows[row] = sequences[waiting++].get();
      if (rows[row] == nullptr) continue;
      steps.push_back(rows[row]->Next(static_cast<int64_t>(row), engine.largest_chunk()));
    }
    if (steps.empty()) break;
    chosen.resize(steps.size());
    HYDRA_RETURN_IF_ERROR(engine.Extend(steps, absl::MakeSpan(chosen)));
    for (size_t i = 0; i < steps.size(); ++i) {
      Sequence*& sequence = rows[static_cast<size_t>(steps[i].row)];
      HYDRA_RETURN_IF_ERROR(sequence->Take(steps[i], chosen[i], tokenizer, engine.cache_len()));
      if (sequence->done()) sequence = nullptr;
    }
  }
  std::vector<Generation> results;
  for (const std::unique_ptr<Sequence>& sequence : sequences) {
    results.push_back(std::move(*sequence).Result());
  }
  return results;
}

}  // namespace hydra::generate
