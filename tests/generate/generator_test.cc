// The decoding loop on a model of a few lines: chunks, positions, stopping, streaming.
#include "runtime/generate/generator.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/generate/text_stream.h"

namespace hydra::generate {
namespace {

using testing::HasSubstr;

// Always wants the byte after the last one, and checks that positions follow each other.
class Successor final : public DecodeEngine {
 public:
  Successor(int64_t chunk, int64_t cache, int64_t vocab = 256)
      : chunk_(chunk), cache_(cache), vocab_(vocab) {}
  int64_t vocab_size() const override { return vocab_; }
  int64_t cache_len() const override { return cache_; }
  int64_t max_seq_len() const override { return 8; }
  int64_t largest_chunk() const override { return chunk_; }
  absl::Status Reset() override {
    length_ = 0;
    return absl::OkStatus();
  }
  absl::StatusOr<absl::Span<const float>> Extend(absl::Span<const int32_t> tokens,
                                                 int64_t position) override {
    EXPECT_EQ(position, length_);
    EXPECT_LE(static_cast<int64_t>(tokens.size()), chunk_);
    length_ += static_cast<int64_t>(tokens.size());
    EXPECT_LE(length_, cache_);
    calls.push_back(static_cast<int>(tokens.size()));
    logits_.assign(static_cast<size_t>(vocab_), 0.0f);
    logits_[(tokens.back() + 1) % 256] = 50.0f;
    if (vocab_ > 256) logits_.back() = 100.0f;
    return absl::MakeConstSpan(logits_);
  }
  std::vector<int> calls;

 private:
  int64_t chunk_, cache_, vocab_, length_ = 0;
  std::vector<float> logits_;
};

class GeneratorTest : public testing::Test {
 protected:
  absl::StatusOr<Generation> Run(DecodeEngine& engine, absl::string_view prompt,
                                 const GenerateOptions& options) {
    streamed_.clear();
    return Generate(engine, *tokenizer_, prompt, options, [this](absl::string_view piece) {
      streamed_.append(piece.data(), piece.size());
    });
  }
  std::unique_ptr<data::Tokenizer> tokenizer_ = *data::MakeTokenizer("byte");
  std::string streamed_;
};

TEST_F(GeneratorTest, PromptGoesInChunksThenTokenByToken) {
  Successor engine(4, 100);
  absl::StatusOr<Generation> result = Run(engine, "0123456789", {.max_tokens = 4});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->text, ":;<=");
  EXPECT_EQ(streamed_, result->text);
  EXPECT_EQ(result->reason, StopReason::kTokens);
  EXPECT_EQ(result->prompt_tokens, 10);
  EXPECT_THAT(engine.calls, testing::ElementsAre(4, 4, 2, 1, 1, 1));
}

TEST_F(GeneratorTest, StopTextEndsAndIsNotPartOfTheText) {
  Successor engine(4, 100);
  absl::StatusOr<Generation> result = Run(engine, "a", {.max_tokens = 20, .stop = "fgh"});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->text, "bcde");
  EXPECT_EQ(streamed_, "bcde");
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
  result = Run(engine, "a", {.sampling = {.temperature = 0}, .max_tokens = 3});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->text, "bcd");
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
