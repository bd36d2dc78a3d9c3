// The decoding loop on a model of a few lines: chunks, positions, stopping, streaming.
#include "runtime/generate/generator.h"

#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/generate/text_stream.h"

namespace hydra::generate {
namespace {

using testing::HasSubstr;

// Always wants the byte after the last one, and checks that positions follow each other. Ids above
// 255 are wanted more, where they may be chosen.
class Successor final : public DecodeEngine {
 public:
  Successor(int64_t chunk, int64_t cache, int64_t vocab = 256, int64_t rows = 1)
      : chunk_(chunk), cache_(cache), vocab_(vocab), lengths_(static_cast<size_t>(rows), 0) {}
  int64_t vocab_size() const override { return vocab_; }
  int64_t rows() const override { return static_cast<int64_t>(lengths_.size()); }
  int64_t cache_len() const override { return cache_; }
  int64_t max_seq_len() const override { return 8; }
  int64_t largest_chunk() const override { return chunk_; }
  absl::Status SetSampling(const SamplingOptions&, int64_t vocabulary) override {
    allowed_ = vocabulary;
    return absl::OkStatus();
  }
  absl::Status Extend(absl::Span<const SequenceStep> steps, absl::Span<int32_t> next) override {
    EXPECT_EQ(steps.size(), next.size());
    calls.emplace_back(lengths_.size(), 0);
    for (size_t i = 0; i < steps.size(); ++i) {
      const SequenceStep& step = steps[i];
      int64_t& length = lengths_.at(static_cast<size_t>(step.row));
      if (step.position == 0) length = 0;  // another sequence
      EXPECT_EQ(step.position, length);
      EXPECT_LE(static_cast<int64_t>(step.tokens.size()), chunk_);
      length += static_cast<int64_t>(step.tokens.size());
      EXPECT_LE(length, cache_);
      EXPECT_EQ(calls.back()[step.row], 0);
      calls.back()[step.row] = static_cast<int>(step.tokens.size());
      sequences.insert(step.sequence);
      next[i] = allowed_ > 256 ? 256 : (step.tokens.back() + 1) % 256;
    }
    return absl::OkStatus();
  }
  std::vector<std::vector<int>> calls;  // tokens per row
  std::set<uint32_t> sequences;

 private:
  int64_t chunk_, cache_, vocab_, allowed_ = 0;
  std::vector<int64_t> lengths_;
};

class GeneratorTest : public testing::Test, public TextObserver {
 protected:
  absl::StatusOr<std::vector<Generation>> RunAll(DecodeEngine& engine,
                                                 const std::vector<std::string>& prompts,
                                                 const GenerateOptions& options) {
    streamed_.assign(prompts.size(), "");
    ended_.clear();
    return Generate(engine, *tokenizer_, prompts, options, *this);
  }
  absl::StatusOr<Generation> Run(DecodeEngine& engine, const std::string& prompt,
                                 const GenerateOptions& options) {
    HYDRA_ASSIGN_OR_RETURN(const std::vector<Generation> results,
                           RunAll(engine, {prompt}, options));
    return results.front();
  }
  void Text(size_t prompt, absl::string_view piece) override {
    streamed_.at(prompt).append(piece.data(), piece.size());
  }
  void End(size_t prompt) override { ended_.push_back(prompt); }

  std::unique_ptr<data::Tokenizer> tokenizer_ = *data::MakeTokenizer("byte");
  std::vector<std::string> streamed_;
  std::vector<size_t> ended_;
};

TEST_F(GeneratorTest, PromptGoesInChunksThenTokenByToken) {
  Successor engine(4, 100);
  absl::StatusOr<Generation> result = Run(engine, "0123456789", {.max_tokens = 4});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->text, ":;<=");
  EXPECT_EQ(streamed_[0], result->text);
  EXPECT_EQ(result->reason, StopReason::kTokens);
  EXPECT_EQ(result->prompt_tokens, 10);
  EXPECT_EQ(engine.calls, (std::vector<std::vector<int>>{{4}, {4}, {2}, {1}, {1}, {1}}));
}

TEST_F(GeneratorTest, StopTextEndsAndIsNotPartOfTheText) {
  Successor engine(4, 100);
  absl::StatusOr<Generation> result = Run(engine, "a", {.max_tokens = 20, .stop = "fgh"});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->text, "bcde");
  EXPECT_EQ(streamed_[0], "bcde");
  EXPECT_EQ(result->reason, StopReason::kStopText);
}

TEST_F(GeneratorTest, ABeginningOfTheStopTextAtTheEndIsText) {
  Successor engine(4, 100);
  absl::StatusOr<Generation> result = Run(engine, "a", {.max_tokens = 3, .stop = "cdx"});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->text, "bcd");
}

TEST_F(GeneratorTest, IdsWithoutTextAreNeverChosen) {
  Successor engine(4, 100, 300);  // prefers id 299, which no byte is
  absl::StatusOr<Generation> result = Run(engine, "a", {.max_tokens = 3});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->text, "bcd");
}

TEST_F(GeneratorTest, SequencesOfDifferentLengthsShareTheRows) {
  Successor engine(4, 100, 256, 2);
  absl::StatusOr<std::vector<Generation>> results =
      RunAll(engine, {"abcdef", "x", "0"}, {.max_tokens = 3, .stop = "z"});
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ((*results)[0].text, "ghi");
  EXPECT_EQ((*results)[1].text, "y");
  EXPECT_EQ((*results)[1].reason, StopReason::kStopText);
  EXPECT_EQ((*results)[2].text, "123");
  EXPECT_EQ(streamed_, (std::vector<std::string>{"ghi", "y", "123"}));
  // The third prompt takes the row that the second one leaves.
  EXPECT_EQ(engine.calls, (std::vector<std::vector<int>>{{4, 1}, {2, 1}, {1, 1}, {1, 1}, {0, 1}}));
  EXPECT_EQ(ended_, (std::vector<size_t>{1, 0, 2}));
  // Prompts draw numbers of their own.
  EXPECT_EQ(engine.sequences.size(), 3u);
}

TEST_F(GeneratorTest, OneBadPromptOfSeveralIsNamedBeforeAnythingRuns) {
  Successor engine(4, 6, 256, 2);
  const absl::Status status = RunAll(engine, {"a", "1234567"}, {}).status();
  EXPECT_EQ(ExitCodeFor(status), 2);
  EXPECT_THAT(std::string(status.message()), HasSubstr("prompt 2: "));
  EXPECT_TRUE(engine.calls.empty());
}

TEST_F(GeneratorTest, AFullCacheEndsTheText) {
  Successor engine(4, 6);
  absl::StatusOr<Generation> result = Run(engine, "abcd", {.max_tokens = 20});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->text, "efg");  // one more than fits: the last token is never fed back
  EXPECT_EQ(result->reason, StopReason::kCacheFull);
}

TEST_F(GeneratorTest, RefusesPromptsThatCannotWork) {
  Successor engine(4, 6);
  EXPECT_EQ(ExitCodeFor(Run(engine, "", {}).status()), 2);
  const absl::Status status = Run(engine, "1234567", {}).status();
  EXPECT_EQ(ExitCodeFor(status), 2);
  EXPECT_THAT(std::string(status.message()), HasSubstr("found 7; shorten the prompt or compile"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("--cache=8"));
  // No cache that the compiler would refuse is asked for.
  const std::string longer(Run(engine, "123456789", {}).status().message());
  EXPECT_THAT(longer, HasSubstr("takes no more than 8"));
  EXPECT_EQ(longer.find("--cache"), std::string::npos);
  EXPECT_TRUE(Run(engine, "123456", {.max_tokens = 1}).ok());
}

std::vector<std::string> Pieces(const std::string& stop, const std::vector<std::string>& input,
                                bool& stopped) {
  std::vector<std::string> pieces;
  TextStream stream(stop, [&](absl::string_view piece) { pieces.emplace_back(piece); });
  stopped = false;
  for (const std::string& bytes : input) {
    stopped = stream.Append(bytes);
    if (stopped) return pieces;
  }
  stream.Finish();
  return pieces;
}

TEST(TextStream, HoldsBackIncompleteCharacters) {
  bool stopped;
  EXPECT_THAT(
      Pieces("", {"a", "\xC3", "\xA9", "\xE2", "\x82", "\xAC", "\xF0\x9F", "\x98\x80"}, stopped),
      testing::ElementsAre("a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"));
  // What never becomes a character is emitted at the end rather than lost.
  EXPECT_THAT(Pieces("", {"a\xE2", "\x82"}, stopped), testing::ElementsAre("a", "\xE2\x82"));
}

TEST(TextStream, HoldsBackBeginningsOfTheStopText) {
  bool stopped;
  EXPECT_THAT(Pieces("END", {"xE", "N", "y", "E", "ND", "z"}, stopped),
              testing::ElementsAre("x", "ENy"));
  EXPECT_TRUE(stopped);
  EXPECT_THAT(Pieces("aab", {"a", "a", "a", "b"}, stopped), testing::ElementsAre("a"));
  EXPECT_TRUE(stopped);
}

}  // namespace
}  // namespace hydra::generate
