// A small engine, its attachments and a record: what a checkpoint is made of.
#ifndef HYDRA_TESTS_TRAIN_CHECKPOINT_FIXTURE_H_
#define HYDRA_TESTS_TRAIN_CHECKPOINT_FIXTURE_H_

#include "gtest/gtest.h"
#include "runtime/train/checkpoint.h"
#include "tests/data/temporary_directory.h"
#include "tests/train/unigram_engine.h"

namespace hydra::train {

class CheckpointFixture : public testing::Test {
 protected:
  CheckpointFixture() : engine_(1, 4, 1) {
    EXPECT_TRUE(engine_.InitializeParameters(1).ok());
    attachments_ = {
        .artifact = "machine code", .spec_contents = "// a spec", .spec_extension = ".mlir"};
  }
  RunRecord Record(int64_t step) {
    RunRecord record;
    record.run_id = "r";
    record.step = step;
    record.total_tokens = 77;
    record.settings = {{"seed", "1"}, {"batch", "auto"}};
    record.batch = 3;
    record.seq = 5;
    record.facts = engine_.facts();
    record.facts.library_versions = {{"hydra", "1"}};
    record.facts.runtime = {{"oneDNN", "2.6.3"}, {"processor", "A (family 6)"}};
    record.data_fingerprint = "abc";
    record.tokenizer = "byte";
    record.initial_weights = "def";
    record.host_state["averages"] = {{"loss", 0.1 + 0.2}, {"ce", 1e-300}, {"version", 1}};
    return record;
  }

  TemporaryDirectory directory_;
  UnigramEngine engine_;
  CheckpointAttachments attachments_;
};

}  // namespace hydra::train

#endif  // HYDRA_TESTS_TRAIN_CHECKPOINT_FIXTURE_H_
