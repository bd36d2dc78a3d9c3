// Runs the fuzz entries of data and tokenizers on their kept corpus and on mutations of it.
#include "gtest/gtest.h"
#include "tests/io/corpus_hammer.h"
#include "tests/io/fuzz_entries.h"

namespace hydra {
namespace {

TEST(DataFuzz, TokenizerJson) { HammerCorpus(Fuzz_tokenizer_json, "tokenizer_json", 300); }
TEST(DataFuzz, SentencePiece) { HammerCorpus(Fuzz_sentencepiece, "sentencepiece", 2000); }
TEST(DataFuzz, Tokens) { HammerCorpus(Fuzz_tokens, "tokens", 3000); }
TEST(DataFuzz, Jsonl) { HammerCorpus(Fuzz_jsonl, "jsonl", 10000); }
TEST(DataFuzz, Dataset) { HammerCorpus(Fuzz_dataset, "dataset", 1000); }

}  // namespace
}  // namespace hydra
