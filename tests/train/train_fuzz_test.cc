// Runs the fuzz entries of checkpoints and weights on their kept corpus and on mutations of it.
#include "gtest/gtest.h"
#include "tests/io/corpus_hammer.h"
#include "tests/io/fuzz_entries.h"

namespace hydra {
namespace {

TEST(TrainFuzz, Checkpoint) { HammerCorpus(Fuzz_checkpoint, "checkpoint", 500); }
TEST(TrainFuzz, Manifest) { HammerCorpus(Fuzz_manifest, "manifest", 1000); }
TEST(TrainFuzz, RunRecord) { HammerCorpus(Fuzz_run_record, "run_record", 2000); }
TEST(TrainFuzz, WeightsIndex) { HammerCorpus(Fuzz_weights_index, "weights_index", 1000); }

}  // namespace
}  // namespace hydra
