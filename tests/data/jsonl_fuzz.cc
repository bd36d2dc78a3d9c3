// Fuzz entry of JSON Lines: the documents are the same however the file arrives.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "runtime/data/jsonl_reader.h"
#include "tests/io/fuzz_entries.h"

namespace hydra {
namespace {

// The documents of a text in pieces of a size, and whether all of it was taken.
bool Documents(absl::string_view text, size_t piece, std::vector<std::string>& documents) {
  data::JsonlReader reader("fuzz", "text");
  const auto take = [&](absl::string_view document) {
    documents.emplace_back(document);
    return absl::OkStatus();
  };
  for (size_t at = 0; at < text.size(); at += piece) {
    if (!reader.Append(text.substr(at, std::min(piece, text.size() - at)), take).ok()) return false;
  }
  return reader.Finish(take).ok();
}

}  // namespace

bool Fuzz_jsonl(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> whole, pieces;
  const bool accepted = Documents(text, size + 1, whole);
  if (Documents(text, 7, pieces) != accepted || pieces != whole) std::abort();
  return accepted;
}

}  // namespace hydra
