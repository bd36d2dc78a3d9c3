// Fuzz entry of data.json: whatever it says, only shards that are there and fit are opened.
#include <cstdlib>
#include <string>
#include <vector>

#include "runtime/data/dataset.h"
#include "tests/io/fuzz_directory.h"
#include "tests/io/fuzz_entries.h"

namespace hydra {
namespace {

// A data directory of two shards and a held-out one, of which data.json is replaced.
const FuzzDirectory& Directory() {
  static const FuzzDirectory directory;
  static const bool made = [] {
    directory.Write("text.txt", "In the beginning was the word, and the word was.");
    data::TextOptions options;
    options.files = {directory / "text.txt"};
    options.out = directory / "data";
    options.shard_tokens = 32;
    options.validation_fraction = 0.2;
    return data::PrepareText(options).ok();
  }();
  if (!made) std::abort();
  return directory;
}

}  // namespace

bool Fuzz_dataset(const uint8_t* data, size_t size) {
  const FuzzDirectory& directory = Directory();
  directory.Write("data/data.json", {reinterpret_cast<const char*>(data), size});
  const auto opened = data::Dataset::Open(directory / "data");
  if (!opened.ok()) {
    if (opened.status().message().empty()) std::abort();
    return false;
  }
  if (opened->vocab_size() != 256 || opened->fingerprint().empty()) std::abort();
  std::vector<int32_t> ids(opened->train().size());
  if (!opened->train().Read(0, absl::MakeSpan(ids)).ok()) std::abort();
  return true;
}

}  // namespace hydra
