// What is kept of compiled kernels: found again, checked, bounded, shared.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "compiler/codegen/KernelCache.h"

using namespace mlir;
using namespace mlir::hydra;
namespace fs = std::filesystem;

namespace {

class KernelCacheTest : public ::testing::Test {
 protected:
  KernelCacheTest()
      : directory_(fs::temp_directory_path() / ("kernel_cache_test." + std::to_string(getpid()))) {
    fs::remove_all(directory_);
  }
  ~KernelCacheTest() override { fs::remove_all(directory_); }

  static CodeImage image(size_t bytes, uint8_t fill) {
    CodeImage made;
    made.bytes.assign(bytes, fill);
    made.offsets["kernel"] = 0;
    made.offsets["kernel_s1"] = bytes / 2;
    return made;
  }
  KernelCache cache(uint64_t mostBytes = 1 << 20) const {
    return KernelCache(directory_.string(), "build 1", mostBytes);
  }
  uint64_t bytesKept() const {
    uint64_t total = 0;
    for (const auto& file : fs::directory_iterator(directory_)) total += file.file_size();
    return total;
  }

  fs::path directory_;
};

void expectSame(const std::optional<CodeImage>& found, const CodeImage& expected) {
  ASSERT_TRUE(found);
  EXPECT_EQ(found->bytes, expected.bytes);
  EXPECT_EQ(found->offsets.lookup("kernel_s1"), expected.offsets.lookup("kernel_s1"));
  EXPECT_EQ(found->offsets.size(), expected.offsets.size());
}

TEST_F(KernelCacheTest, FindsWhatWasStored) {
  EXPECT_FALSE(cache().load("a"));
  cache().store("a", image(100, 1));
  cache().store("b", image(200, 2));
  expectSame(cache().load("a"), image(100, 1));
  expectSame(cache().load("b"), image(200, 2));
  cache().store("a", image(300, 3));
  expectSame(cache().load("a"), image(300, 3));
  // Of another compiler it is other code.
  EXPECT_FALSE(KernelCache(directory_.string(), "build 2").load("a"));
}

TEST_F(KernelCacheTest, DamageIsNotThere) {
  cache().store("a", image(40, 7));
  fs::path path = fs::directory_iterator(directory_)->path();
  std::ifstream in(path, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  auto write = [&](const std::string& text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  };
  for (size_t size = 0; size < whole.size(); ++size) {
    write(whole.substr(0, size));
    EXPECT_FALSE(cache().load("a")) << size;
    std::string flipped = whole;
    flipped[size] ^= 0x10;
    write(flipped);
    EXPECT_FALSE(cache().load("a")) << size;
  }
  write(whole + "x");
  EXPECT_FALSE(cache().load("a"));
  write(whole);
  EXPECT_TRUE(cache().load("a"));
}

TEST_F(KernelCacheTest, TheOldestGoBeyondTheBound) {
  constexpr uint64_t kMost = 10000;
  for (int i = 0; i < 20; ++i) {
    cache(kMost).store(std::to_string(i), image(1000, 1));
    for (const auto& file : fs::directory_iterator(directory_))
      fs::last_write_time(file, fs::last_write_time(file) - std::chrono::seconds(1));
    cache(kMost).trim();
    EXPECT_LE(bytesKept(), kMost);
  }
  EXPECT_FALSE(cache().load("0"));
  EXPECT_TRUE(cache().load("19"));
}

TEST_F(KernelCacheTest, SeveralMayStoreAtOnce) {
  constexpr int kRounds = 50;
  auto work = [&](uint8_t fill) {
    for (int i = 0; i < kRounds; ++i) {
      cache(3000).store("shared", image(1000, fill));
      // Whole, or gone: another one trims.
      if (std::optional<CodeImage> found = cache().load("shared"))
        EXPECT_TRUE(found->bytes == image(1000, 1).bytes || found->bytes == image(1000, 2).bytes);
      cache(3000).store(std::to_string(i % 7), image(500, fill));
      cache(3000).trim();
    }
  };
  std::thread first(work, 1), second(work, 2);
  first.join();
  second.join();
  for (const auto& file : fs::directory_iterator(directory_))
    EXPECT_EQ(file.path().extension(), ".kernel");
}

TEST_F(KernelCacheTest, NothingFailsWithoutADirectory) {
  std::ofstream(directory_) << "a file";
  cache().store("a", image(10, 1));
  EXPECT_FALSE(cache().load("a"));
  cache().trim();
}

}  // namespace
