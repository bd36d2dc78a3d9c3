// Byte-level BPE: ids of Hugging Face's tokenizers on GPT-2's vocabulary, texts in pieces, bytes
// that are no UTF-8, and files that ask for what there is not.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/philox.h"
#include "runtime/base/status.h"
#include "runtime/data/tokenizer.h"
#include "runtime/data/tokenizer/tokenizer_json.h"
#include "tests/data/tokenizer_cases.h"

namespace hydra::data {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<Tokenizer> Gpt2() {
  auto tokenizer = MakeTokenizer(TokenizerCasePath("gpt2-tokenizer.json"));
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return tokenizer.ok() ? *std::move(tokenizer) : nullptr;
}

TEST(BpeTokenizer, IdsOfTheReferenceAndExactRoundTrip) {
  const std::unique_ptr<Tokenizer> tokenizer = Gpt2();
  ASSERT_NE(tokenizer, nullptr);
  EXPECT_EQ(tokenizer->vocab_size(), 50257);
  EXPECT_EQ(tokenizer->document_end(), std::vector<int32_t>{50256});
  const std::vector<std::string> strings = UnpackItems(ReadTokenizerCase("gpt2-strings"));
  const std::vector<std::string> ids = UnpackItems(ReadTokenizerCase("gpt2-ids"));
  ASSERT_EQ(strings.size(), 10000u);
  ASSERT_EQ(ids.size(), strings.size());
  for (size_t i = 0; i < strings.size(); ++i) {
    const auto encoded = tokenizer->Encode(strings[i]);
    ASSERT_TRUE(encoded.ok()) << encoded.status();
    ASSERT_EQ(*encoded, UnpackIds<uint16_t>(ids[i])) << "string " << i << ": " << strings[i];
    ASSERT_EQ(*tokenizer->Decode(*encoded), strings[i]) << "string " << i;
  }
}

// However a text is cut, its ids are those of the whole; also where characters, added tokens and
// contractions are cut.
TEST(BpeTokenizer, PiecesGiveTheIdsOfTheWhole) {
  const std::unique_ptr<Tokenizer> tokenizer = Gpt2();
  ASSERT_NE(tokenizer, nullptr);
  const std::vector<std::string> strings = UnpackItems(ReadTokenizerCase("gpt2-strings"));
  std::string text;
  for (size_t i = 0; i < 3000; ++i) text += strings[i];
  text += std::string(300000, 'x') + "\xF0\x9F";  // a word beyond a piece, a character cut short
  const auto whole = tokenizer->Encode(text);
  ASSERT_TRUE(whole.ok());
  const Philox random(7, 0);
  uint64_t draw = 0;
  for (const uint64_t largest : {3u, 1000u, 400000u}) {
    const std::unique_ptr<TokenEncoder> encoder = tokenizer->NewEncoder();
    std::vector<int32_t> ids;
    for (size_t at = 0; at < text.size();) {
      const size_t size = 1 + random.Below(draw++, largest);
      ASSERT_TRUE(encoder->Append(absl::string_view(text).substr(at, size), ids).ok());
      at += size;
    }
    ASSERT_TRUE(encoder->Finish(ids).ok());
    ASSERT_TRUE(ids == *whole) << "pieces of up to " << largest;
  }
}

TEST(BpeTokenizer, BytesThatAreNoTextRoundTrip) {
  const std::unique_ptr<Tokenizer> tokenizer = Gpt2();
  ASSERT_NE(tokenizer, nullptr);
  const Philox random(8, 0);
  uint64_t draw = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string bytes;
    const uint64_t size = random.Below(draw++, 60);
    while (bytes.size() < size) {
      bytes += random.Below(draw++, 2) == 0
                   ? std::string("word \xE2\x82\xAC ")
                   : std::string(1, static_cast<char>(random.Below(draw++, 256)));
    }
    const auto ids = tokenizer->Encode(bytes);
    ASSERT_TRUE(ids.ok());
    ASSERT_EQ(*tokenizer->Decode(*ids), bytes);
  }
}

// A vocabulary of bytes, two merges and added tokens.
std::string SmallFile() {
  BpeTable table;
  for (int byte = 0; byte < 256; ++byte) {
    table.tokens.emplace_back(std::string(1, static_cast<char>(byte)), byte);
  }
  table.tokens.emplace_back("ab", 256);
  table.tokens.emplace_back("abc", 257);
  table.merges = {{"a", "b"}, {"ab", "c"}};
  return TokenizerJsonText(table, {{.content = "</s>", .id = 258, .special = true},
                                   {.content = "ab!", .id = 259, .normalized = true},
                                   {.content = "!!", .id = 260}});
}

TEST(BpeTokenizer, AddedTokensGoFirst) {
  const auto tokenizer = ParseTokenizer(kTokenizerJson, SmallFile(), "small");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  using Ids = std::vector<int32_t>;
  EXPECT_EQ(*(*tokenizer)->Encode("abcab"), (Ids{257, 256}));
  EXPECT_EQ(*(*tokenizer)->Encode("x</s>ab!"), (Ids{'x', 258, 259}));
  // "!!" is looked for before "ab!", which it overlaps.
  EXPECT_EQ(*(*tokenizer)->Encode("ab!!"), (Ids{256, 260}));
  EXPECT_EQ(*(*tokenizer)->Encode("ab!!!"), (Ids{256, 260, '!'}));
  EXPECT_EQ((*tokenizer)->document_end(), Ids{258});
  EXPECT_EQ(KindOf((*tokenizer)->Decode({261}).status()), ErrorKind::kFailure);
}

TEST(BpeTokenizer, RefusesByNameWhatItCannotDo) {
  const struct {
    const char* from;
    const char* to;
    const char* message;
  } cases[] = {
      {"\"normalizer\": null", "\"normalizer\": {\"type\": \"NFC\"}", "normalization"},
      {"\"type\": \"BPE\"", "\"type\": \"WordPiece\"", "BPE"},
      {"\"dropout\": null", "\"dropout\": 0.1", "dropping"},
      {"\"add_prefix_space\":false", "\"add_prefix_space\":true", "add_prefix_space"},
      {"\"type\":\"ByteLevel\"", "\"type\":\"Metaspace\"", "ByteLevel"},
      {"\"lstrip\":false", "\"lstrip\":true", "lstrip"},
      {"\"a b\"", "\"a\"", "a merge"},
      {"\"a b\"", "\"a zz\"", "lacks"},
      {"\"abc\": 257", "\"abc\": 256", "id of its own"},
      {"\"abc\": 257", "\"abc\": 123456789", "integer"},
      {"\"\xC4\x80\": 0", "\"zero\": 0", "every byte"},
      {"\"id\":259", "\"id\":3", "another token"},
      {"\"ignore_merges\"", "\"vocab_hash\"", "vocab_hash"},
  };
  for (const auto& [from, to, message] : cases) {
    std::string text = SmallFile();
    ASSERT_EQ(absl::StrReplaceAll({{from, to}}, &text) > 0, true) << from;
    const absl::Status status = ParseTokenizer(kTokenizerJson, text, "small").status();
    EXPECT_EQ(KindOf(status), ErrorKind::kInput) << from;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
    EXPECT_THAT(std::string(status.message()), HasSubstr("small"));
  }
}

TEST(BpeTokenizer, SplitPatternsOfOtherModels) {
  const auto with = [](absl::string_view pattern) {
    std::string text = SmallFile();
    const std::string plain =
        "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":"
        "true}";
    const size_t at = text.find(plain, text.find("\"pre_tokenizer\""));
    EXPECT_NE(at, text.npos) << text.substr(0, 800);
    text.replace(
        at, plain.size(),
        absl::StrCat("{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{"
                     "\"Regex\":\"",
                     pattern,
                     "\"},\"behavior\":\"Isolated\",\"invert\":false},{\"type\":\"ByteLevel\","
                     "\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":false}]}"));
    return ParseTokenizer(kTokenizerJson, text, "small");
  };
  // Words of one letter: nothing is merged. What no word matches is a word too.
  const auto letters = with("\\\\p{L}");
  ASSERT_TRUE(letters.ok()) << letters.status();
  EXPECT_EQ(*(*letters)->Encode("ab1"), (std::vector<int32_t>{'a', 'b', '1'}));
  const auto llama = with(
      "(?i:'s|'t)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}{1,3}| "
      "?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r"
      "\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+");
  ASSERT_TRUE(llama.ok()) << llama.status();
  EXPECT_EQ(*(*llama)->Encode("abc'S 12"), (std::vector<int32_t>{257, '\'', 'S', ' ', '1', '2'}));
  for (const char* pattern : {"\\\\w+", "a*", "(?<=a)b", "[", "[a[b]]", "\\\\", "a\\\\Kb"}) {
    const absl::Status status = with(pattern).status();
    EXPECT_EQ(KindOf(status), ErrorKind::kInput) << pattern;
    EXPECT_THAT(std::string(status.message()), HasSubstr("split pattern")) << pattern;
  }
  // A pattern that would take forever is an error, not a wait.
  const auto slow = with("(?:a|aa)+[xy]");
  ASSERT_TRUE(slow.ok()) << slow.status();
  EXPECT_EQ(
      KindOf((*slow)
                 ->Encode(std::string(5000, 'a') + std::string(5000, 'b') + std::string(5000, 'c'))
                 .status()),
      ErrorKind::kInput);
}

TEST(BpeTokenizer, NamesWhatIsNoTokenizer) {
  EXPECT_EQ(KindOf(MakeTokenizer("bytes").status()), ErrorKind::kUsage);
  EXPECT_EQ(KindOf(MakeTokenizer("/none/tokenizer.json").status()), ErrorKind::kInput);
  for (const char* text : {"", "{}", "{", "[]", "text", "{\"model\": {}}"}) {
    EXPECT_EQ(KindOf(ParseTokenizer(kTokenizerJson, text, "x").status()), ErrorKind::kInput);
    EXPECT_EQ(KindOf(ParseTokenizer(kTokenizerModel, text, "x").status()), ErrorKind::kInput);
  }
}

}  // namespace
}  // namespace hydra::data
