// Runs the fuzz entries on their kept corpus, and on truncations and mutations of it. The mutations
// are counter-based, so that a failure repeats.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/hash.h"
#include "runtime/base/philox.h"
#include "tests/base/test_paths.h"
#include "tests/data/temporary_directory.h"
#include "tests/io/fuzz_entries.h"

namespace hydra {
namespace {

using Entry = bool (*)(const uint8_t*, size_t);

bool Run(Entry entry, const std::string& input) {
  // An exact heap copy: the sanitizer sees a read of even one byte too many.
  const std::vector<uint8_t> bytes(input.begin(), input.end());
  return entry(bytes.data(), bytes.size());
}

// Files of tests/corpus/FORMAT in the order of their names; those called good-* must be accepted.
void Hammer(Entry entry, const std::string& format, uint64_t rounds) {
  std::vector<std::string> paths;
  for (const auto& file :
       std::filesystem::directory_iterator(testing::SourceDir() + "/tests/corpus/" + format)) {
    paths.push_back(file.path().string());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> good;
  for (const std::string& path : paths) {
    const std::string contents = ReadFile(path);
    const bool accepted = Run(entry, contents);
    if (path.find("/good-") == std::string::npos) continue;
    EXPECT_TRUE(accepted) << path;
    good.push_back(contents);
  }
  ASSERT_FALSE(good.empty());
  const Philox random(2026, Hash64(format));
  uint64_t draw = 0;
  const auto below = [&](uint64_t bound) { return random.Below(draw++, bound); };
  uint64_t refused = 0;
  for (uint64_t round = 0; round < rounds; ++round) {
    std::string text = good[below(good.size())];
    if (round % 8 == 0) text.resize(below(text.size()));
    for (uint64_t edits = below(3) + 1; edits > 0 && !text.empty(); --edits) {
      const size_t at = below(text.size());
      const uint64_t kind = below(3);
      if (kind == 0) text[at] = static_cast<char>(below(256));
      if (kind == 1) text.erase(at, below(8) + 1);
      if (kind == 2) text.insert(at, text.substr(below(text.size()), below(16)));
    }
    refused += Run(entry, text) ? 0 : 1;
  }
  EXPECT_GT(refused, 0u);
}

TEST(DataFuzz, TokenizerJson) { Hammer(Fuzz_tokenizer_json, "tokenizer_json", 300); }
TEST(DataFuzz, SentencePiece) { Hammer(Fuzz_sentencepiece, "sentencepiece", 2000); }
TEST(DataFuzz, Tokens) { Hammer(Fuzz_tokens, "tokens", 3000); }
TEST(DataFuzz, Jsonl) { Hammer(Fuzz_jsonl, "jsonl", 10000); }

}  // namespace
}  // namespace hydra
