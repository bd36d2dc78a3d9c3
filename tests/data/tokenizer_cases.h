// Cases of the tokenizer tests: files that unpack_tokenizer_data.py made of tests/data.
#ifndef HYDRA_TESTS_DATA_TOKENIZER_CASES_H_
#define HYDRA_TESTS_DATA_TOKENIZER_CASES_H_

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/base/test_paths.h"

namespace hydra::data {

inline std::string TokenizerCasePath(const std::string& name) {
  return testing::BinaryDir() + "/tests/tokenizers/" + name;
}

inline std::string ReadTokenizerCase(const std::string& name) {
  std::ifstream file(TokenizerCasePath(name), std::ios::binary);
  EXPECT_TRUE(file.good()) << TokenizerCasePath(name);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// Items of a file, each with its size before it.
inline std::vector<std::string> UnpackItems(const std::string& packed) {
  std::vector<std::string> items;
  for (size_t at = 0; at + 4 <= packed.size();) {
    uint32_t size = 0;
    std::memcpy(&size, packed.data() + at, sizeof(size));
    items.push_back(packed.substr(at + 4, size));
    at += 4 + size;
  }
  return items;
}

// Little-endian numbers as ids.
template <typename T>
std::vector<int32_t> UnpackIds(const std::string& item) {
  std::vector<T> numbers(item.size() / sizeof(T));
  if (!numbers.empty()) std::memcpy(numbers.data(), item.data(), numbers.size() * sizeof(T));
  return std::vector<int32_t>(numbers.begin(), numbers.end());
}

}  // namespace hydra::data

#endif  // HYDRA_TESTS_DATA_TOKENIZER_CASES_H_
