#include "tests/io/corpus_hammer.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/hash.h"
#include "runtime/base/philox.h"
#include "tests/base/test_paths.h"

namespace hydra {
namespace {

using Entry = bool (*)(const uint8_t*, size_t);

bool Run(Entry entry, const std::string& input) {
  // An exact heap copy: the sanitizer sees a read of even one byte too many.
  const std::vector<uint8_t> bytes(input.begin(), input.end());
  return entry(bytes.data(), bytes.size());
}

std::string Contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

}  // namespace

void HammerCorpus(Entry entry, const std::string& format, uint64_t rounds) {
  std::vector<std::string> paths;
  for (const auto& file :
       std::filesystem::directory_iterator(testing::SourceDir() + "/tests/corpus/" + format)) {
    paths.push_back(file.path().string());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> good;
  for (const std::string& path : paths) {
    const std::string contents = Contents(path);
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

}  // namespace hydra
