// Fuzz entry of SentencePiece models: what the checks let through, the library must survive.
#include <cstdlib>
#include <string>
#include <vector>

#include "runtime/data/tokenizer.h"
#include "tests/io/fuzz_entries.h"

namespace hydra {

bool Fuzz_sentencepiece(const uint8_t* data, size_t size) {
  const auto tokenizer = data::ParseTokenizer(
      data::kTokenizerModel, std::string(reinterpret_cast<const char*>(data), size), "fuzz");
  if (!tokenizer.ok()) return false;
  const auto ids =
      (*tokenizer)->Encode("In the  beginning \xEF\xAC\x81 caf\xC3\xA9 \xFF <note>\nand\n");
  if (!ids.ok()) return true;
  for (const int32_t id : *ids) {
    if (id < 0 || id >= (*tokenizer)->vocab_size()) std::abort();
    if (!(*tokenizer)->DecodeNext(id).ok()) return true;
  }
  return (*tokenizer)->Decode(*ids).ok();
}

}  // namespace hydra
