// Runs the fuzz entries of specs and configs on their kept corpus and on mutations of it.
#include "gtest/gtest.h"
#include "tests/io/corpus_hammer.h"
#include "tests/io/fuzz_entries.h"

namespace hydra {
namespace {

TEST(FrontendFuzz, Spec) { HammerCorpus(Fuzz_spec, "spec", 1000); }
TEST(FrontendFuzz, Config) { HammerCorpus(Fuzz_config, "config", 2000); }

}  // namespace
}  // namespace hydra
