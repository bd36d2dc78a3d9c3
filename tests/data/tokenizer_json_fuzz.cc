// Fuzz entry of tokenizer.json: what is accepted encodes texts, whole and in pieces alike, and
// gives their bytes back.
#include <cstdlib>
#include <string>
#include <vector>

#include "runtime/data/tokenizer.h"
#include "tests/io/fuzz_entries.h"

namespace hydra {

bool Fuzz_tokenizer_json(const uint8_t* data, size_t size) {
  const auto tokenizer = data::ParseTokenizer(
      data::kTokenizerJson, std::string(reinterpret_cast<const char*>(data), size), "fuzz");
  if (!tokenizer.ok()) return false;
  const std::string text = "abc ab! </s> caf\xC3\xA9 \xF0\x9F\x99\x82\xFF 12  \n x's";
  const auto whole = (*tokenizer)->Encode(text);
  const std::unique_ptr<data::TokenEncoder> encoder = (*tokenizer)->NewEncoder();
  std::vector<int32_t> ids;
  bool good = true;
  for (const char c : text) good = good && encoder->Append({&c, 1}, ids).ok();
  good = good && encoder->Finish(ids).ok();
  if (whole.ok() != good || (good && ids != *whole)) std::abort();
  if (!good) return true;
  for (const int32_t id : ids) {
    if (id < 0 || id >= (*tokenizer)->vocab_size()) std::abort();
  }
  const auto back = (*tokenizer)->Decode(ids);
  if (!back.ok() || *back != text) std::abort();
  return true;
}

}  // namespace hydra
