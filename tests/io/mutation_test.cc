// Runs the fuzz entries on every truncation, every single bit flip and many random mutations of
// good inputs. Under the sanitizer presets this is the proof that damage never becomes undefined
// behaviour. The mutations are counter-based, so a failure repeats.
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/hash.h"
#include "runtime/base/philox.h"
#include "runtime/io/safetensors.h"
#include "tests/io/fuzz_entries.h"
#include "tests/io/temporary_directory.h"

namespace hydra {
namespace {

using Entry = std::function<bool(const uint8_t*, size_t)>;

bool Run(const Entry& entry, const std::string& input) {
  // An exact heap copy: the sanitizer sees a read of even one byte too many.
  const std::vector<uint8_t> bytes(input.begin(), input.end());
  return entry(bytes.data(), bytes.size());
}

std::string GoodSafetensors() {
  const TemporaryDirectory directory;
  const std::string path = directory.File("good.safetensors");
  const std::vector<uint8_t> data(64, 0x5A);
  const absl::Span<const uint8_t> bytes = data;
  const std::vector<TensorView> tensors = {
      {"weight", DType::kF32, {2, 3}, bytes.first(24)},
      {"empty", DType::kI32, {0, 7}, {}},
      {"scalar", DType::kF64, {}, bytes.first(8)},
      {"flags", DType::kBool, {3}, bytes.first(3)},
  };
  EXPECT_TRUE(WriteSafetensors(path, {{"format", "pt"}, {"ключ", "\"\\\n"}}, tensors).ok());
  return ReadFileForTest(path);
}

std::string GoodJson() {
  return R"({"model": {"dim": 32, "names": ["a", "b\u00e9\n", ""], "rate": -1.5e-3, "on": true},
             "none": null, "big": 18446744073709551615, "nested": [[[{}]], []]})";
}

// Applies 1 to 4 edits: set a byte, insert, delete, copy a range, or set an interesting value.
std::string Mutate(const std::string& good, const Philox& random, uint64_t& draw) {
  auto below = [&](uint64_t bound) { return random.Below(draw++, bound); };
  std::string text = good;
  for (uint64_t edits = below(4) + 1; edits > 0; --edits) {
    const size_t at = below(text.size() + 1);
    switch (below(5)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(below(256));
        break;
      case 1:
        text.insert(at, below(8) + 1, static_cast<char>(below(256)));
        break;
      case 2:
        text.erase(at, below(8) + 1);
        break;
      case 3:
        text.insert(at, text.substr(below(text.size() + 1), below(32)));
        break;
      default: {
        static constexpr const char* kTokens[] = {
            "-1",   "9223372036854775807", "1e999",   "{",     "]",
            "null", "\"shape\":",          "\\u0000", "[0,0]", ","};
        text.insert(at, kTokens[below(10)]);
      }
    }
  }
  return text;
}

void Hammer(const Entry& entry, const std::string& good, uint64_t rounds, bool refuse_truncation) {
  ASSERT_TRUE(Run(entry, good));
  for (size_t size = 0; size < good.size(); ++size) {
    const bool accepted = Run(entry, good.substr(0, size));
    if (refuse_truncation) {
      ASSERT_FALSE(accepted) << "cut to " << size << " bytes";
    }
  }
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string flipped = good;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    Run(entry, flipped);
  }
  const Philox random(2024, Hash64("mutations"));
  uint64_t draw = 0;
  uint64_t accepted = 0;
  for (uint64_t round = 0; round < rounds; ++round)
    accepted += Run(entry, Mutate(good, random, draw));
  // Mutations that only ever fail, or never do, would test nothing.
  EXPECT_GT(accepted, 0u);
  EXPECT_LT(accepted, rounds);
}

TEST(MutationTest, Safetensors) { Hammer(Fuzz_safetensors, GoodSafetensors(), 30000, true); }

TEST(MutationTest, Json) { Hammer(Fuzz_json, GoodJson(), 30000, true); }

}  // namespace
}  // namespace hydra
