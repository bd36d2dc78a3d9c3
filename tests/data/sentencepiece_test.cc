// SentencePiece models, trained on the demo's text: ids and decoded text of their own library, and
// models that would lead it astray.
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/philox.h"
#include "runtime/base/status.h"
#include "runtime/data/tokenizer.h"
#include "runtime/data/tokenizer/sentencepiece_check.h"
#include "tests/data/tokenizer_cases.h"

namespace hydra::data {
namespace {

using ::testing::HasSubstr;

class SentencePieceModels : public ::testing::TestWithParam<const char*> {
 protected:
  std::string Model() const {
    return ReadTokenizerCase(absl::StrCat("sentencepiece-model-", GetParam()));
  }
};

TEST_P(SentencePieceModels, IdsAndTextOfTheReference) {
  const auto tokenizer = ParseTokenizer(kTokenizerModel, Model(), GetParam());
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_EQ((*tokenizer)->vocab_size(), 1000);
  EXPECT_EQ((*tokenizer)->document_end(), std::vector<int32_t>{2});
  const std::vector<std::string> parts =
      UnpackItems(ReadTokenizerCase(absl::StrCat("sentencepiece-model-", GetParam(), "-cases")));
  ASSERT_GT(parts.size(), 3000u);
  std::string text;
  std::vector<int32_t> all;
  for (size_t i = 0; i + 2 < parts.size(); i += 3) {
    const auto ids = (*tokenizer)->Encode(parts[i]);
    ASSERT_TRUE(ids.ok()) << ids.status();
    ASSERT_EQ(*ids, UnpackIds<int32_t>(parts[i + 1])) << parts[i];
    ASSERT_EQ(*(*tokenizer)->Decode(*ids), parts[i + 2]) << parts[i];
    if (parts[i].empty() || parts[i].back() != '\n') continue;
    text += parts[i];
    all.insert(all.end(), ids->begin(), ids->end());
  }
  // A text is its lines.
  EXPECT_EQ(*(*tokenizer)->Encode(text), all);
}

// Tokens one by one are the text behind others: the space before its first word is kept.
TEST_P(SentencePieceModels, TokensBehindOthers) {
  const auto tokenizer = ParseTokenizer(kTokenizerModel, Model(), GetParam());
  ASSERT_TRUE(tokenizer.ok());
  const auto ids = (*tokenizer)->Encode("And God said, Let there be light");
  ASSERT_TRUE(ids.ok());
  std::string text;
  for (const int32_t id : *ids) text += *(*tokenizer)->DecodeNext(id);
  EXPECT_EQ(text, " And God said, Let there be light");
  EXPECT_EQ(*(*tokenizer)->DecodeNext(2), "");
  EXPECT_EQ(KindOf((*tokenizer)->DecodeNext(1000).status()), ErrorKind::kFailure);
  EXPECT_EQ(KindOf((*tokenizer)->Decode({-1}).status()), ErrorKind::kFailure);
}

// Under the sanitizers this is the proof that damage never reaches the library's blind spots.
TEST_P(SentencePieceModels, DamagedModelsAreRefusedOrUsable) {
  const std::string good = Model();
  const Philox random(9, 0);
  uint64_t draw = 0;
  int refused = 0;
  for (int round = 0; round < 150; ++round) {
    std::string bad = good;
    if (round % 3 == 0) {
      bad.resize(random.Below(draw++, good.size()));
    } else {
      for (int edit = 0; edit < 4; ++edit) {
        // Half of the edits near the ends, where the structure is.
        const uint64_t range = random.Below(draw++, 2) == 0 ? 2000 : good.size();
        const uint64_t at = random.Below(draw++, range);
        bad[random.Below(draw++, 2) == 0 ? at : good.size() - 1 - at] =
            static_cast<char>(random.Below(draw++, 256));
      }
    }
    const auto tokenizer = ParseTokenizer(kTokenizerModel, bad, "bad");
    if (!tokenizer.ok()) {
      EXPECT_EQ(KindOf(tokenizer.status()), ErrorKind::kInput);
      ++refused;
      continue;
    }
    const auto ids =
        (*tokenizer)->Encode("In the beginning \xEF\xAC\x81 \xE2\x85\xA7 \xFF <note>\n");
    if (ids.ok()) (*tokenizer)->Decode(*ids).IgnoreError();
  }
  EXPECT_GT(refused, 40);
}

INSTANTIATE_TEST_SUITE_P(Kinds, SentencePieceModels, ::testing::Values("unigram", "bpe"));

// A table: size of the trie, its units, the replacements.
std::string Map(const std::vector<uint32_t>& units, const std::string& replacements) {
  const uint32_t size = static_cast<uint32_t>(units.size() * 4);
  std::string map(reinterpret_cast<const char*>(&size), 4);
  map.append(reinterpret_cast<const char*>(units.data()), size);
  return map + replacements;
}

TEST(SentencePieceCheck, CharacterMaps) {
  // The root leads to units 256 to 511; unit 256 + 'a' has a value, which stands at its own base.
  std::vector<uint32_t> units(1024);
  units[0] = 256u << 10;
  units[256 + 'a'] = (512u << 10 | 1 << 8 | 'a');
  units[(256 + 'a') ^ 512] = 0x80000000u | 1;
  const std::string good = Map(units, std::string("\0b\0", 3));
  EXPECT_TRUE(CheckCharacterMap(good, "map").ok()) << CheckCharacterMap(good, "map");
  const auto message = [&](size_t at, uint32_t unit) {
    std::vector<uint32_t> bad = units;
    bad[at] = unit;
    return std::string(CheckCharacterMap(Map(bad, std::string("\0b\0", 3)), "map").message());
  };
  EXPECT_THAT(message(0, 2048u << 10), HasSubstr("out of its trie"));
  EXPECT_THAT(message((256 + 'a') ^ 512, 0x80000000u | 3), HasSubstr("out of its replacements"));
  EXPECT_THAT(message(256 + 'a', 'a' << 10 | 1 << 8 | 'a'), HasSubstr("runs in circles"));
  EXPECT_FALSE(CheckCharacterMap(Map(units, std::string("\0b", 2)), "map").ok());
  EXPECT_FALSE(CheckCharacterMap(good.substr(0, 4096), "map").ok());
  EXPECT_FALSE(CheckCharacterMap("", "map").ok());
}

}  // namespace
}  // namespace hydra::data
