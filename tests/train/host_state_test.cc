// The trainer's modules of state: versions, defaults, what is refused, and checkpoints from before.
#include "runtime/train/host_state.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/train/records.h"
#include "runtime/train/run_record.h"

namespace hydra::train {
namespace {

using testing::HasSubstr;

// A counter that learned to remember its limit in version 2.
class Counter final : public HostModule {
 public:
  absl::string_view key() const override { return "counter"; }
  int64_t version() const override { return 2; }
  JsonValue Save() const override { return {{"count", count}, {"limit", limit}}; }
  absl::Status Restore(const JsonView& state, int64_t version) override {
    HYDRA_ASSIGN_OR_RETURN(const JsonView member, state.Get("count"));
    HYDRA_ASSIGN_OR_RETURN(count, member.Int(0));
    if (version < 2) return absl::OkStatus();
    HYDRA_ASSIGN_OR_RETURN(const JsonView second, state.Get("limit"));
    HYDRA_ASSIGN_OR_RETURN(limit, second.Double());
    return absl::OkStatus();
  }
  int64_t count = 0;
  double limit = 7;
};

class Switch final : public HostModule {
 public:
  absl::string_view key() const override { return "switch"; }
  int64_t version() const override { return 1; }
  JsonValue Save() const override { return {{"on", on}}; }
  absl::Status Restore(const JsonView& state, int64_t) override {
    HYDRA_ASSIGN_OR_RETURN(const JsonView member, state.Get("on"));
    HYDRA_ASSIGN_OR_RETURN(on, member.Bool());
    return absl::OkStatus();
  }
  bool on = true;
};

TEST(HostState, EveryModuleFindsItsOwn) {
  Counter counter;
  Switch toggle;
  counter.count = 3;
  counter.limit = 1.0 / 3;
  toggle.on = false;
  const HostState state = SaveModules({&counter, &toggle});
  EXPECT_EQ(state.at("switch").Dump(), R"({"on":false,"version":1})");
  Counter later;
  Switch other;
  ASSERT_TRUE(RestoreModules(state, {&other, &later}, "c").ok());
  EXPECT_EQ(later.count, 3);
  EXPECT_EQ(later.limit, 1.0 / 3);
  EXPECT_FALSE(other.on);
}

TEST(HostState, OlderStateLeavesDefaults) {
  Counter counter;
  Switch toggle;
  const HostState old = {{"counter", {{"count", 5}, {"version", 1}}}};
  ASSERT_TRUE(RestoreModules(old, {&counter, &toggle}, "c").ok());
  EXPECT_EQ(counter.count, 5);
  EXPECT_EQ(counter.limit, 7);
  EXPECT_TRUE(toggle.on);
}

TEST(HostState, WhatIsNewerOrUnknownIsRefusedByName) {
  Counter counter;
  const auto refusal = [&](const HostState& state) {
    const absl::Status status = RestoreModules(state, {&counter}, "run/c");
    EXPECT_EQ(KindOf(status), ErrorKind::kInput);
    return std::string(status.message());
  };
  EXPECT_THAT(refusal({{"counter", {{"count", 5}, {"version", 3}}}}),
              HasSubstr("'counter' of a version up to 2, found 3"));
  EXPECT_THAT(refusal({{"weather", {{"version", 1}}}}),
              HasSubstr("run/c: host state 'weather' is unknown to this version of hydra-run, "
                        "which knows counter"));
  EXPECT_THAT(refusal({{"counter", {{"count", "x"}, {"version", 1}}}}), HasSubstr("$.count"));
  EXPECT_THAT(refusal({{"counter", {{"count", 1}, {"version", 0}}}}), HasSubstr("version"));
}

constexpr char kRun[] = R"({"format": "hydra-checkpoint-1", "run_id": "r", "step": 9,
 "total_tokens": 77, "settings": {},
 "model": {"name": "m", "spec_file": "", "has_artifact": false, "artifact_hash": "0",
           "vocab_size": 256, "parameter_count": 1},
 "device": {"target": "cpu", "isa_level": "none"},
 "versions": {"compiler": "c", "libraries": {}},
 "data": {"fingerprint": "", "tokenizer": ""},
 "host_state": )";

TEST(HostState, CheckpointsFromBeforeThereWereModules) {
  const absl::StatusOr<RunRecord> run = ParseRunRecord(
      absl::StrCat(kRun, R"({"record_lag": 2, "loss_ema": 2.5, "ce_ema": 2.25, "records": [
                              {"step": 7, "loss": 3.5, "ce": 3.25, "grad_norm": 1},
                              {"step": 8, "loss": 2.5, "ce": 2.25, "grad_norm": 0.5}]}})"),
      "run.json");
  ASSERT_TRUE(run.ok()) << run.status();
  StepRecords records = *StepRecords::Create(2);
  LossAverages averages;
  ASSERT_TRUE(RestoreModules(run->host_state, {&records, &averages}, "c").ok());
  ASSERT_NE(records.VisibleAt(9), nullptr);
  EXPECT_EQ(*records.VisibleAt(9), (StepRecord{7, 3.5, 3.25, 1}));
  EXPECT_EQ(averages.loss(), 2.5);
  EXPECT_EQ(averages.ce(), 2.25);
}

// What only a newer version can resume, anyone can still read.
TEST(HostState, AnUnknownModuleDoesNotKeepACheckpointFromBeingRead) {
  const absl::StatusOr<RunRecord> run = ParseRunRecord(
      absl::StrCat(kRun, R"({"weather": {"version": 4, "sun": [1, {"a": null}]}}})"), "run.json");
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->host_state.at("weather").Dump(), R"({"version":4,"sun":[1,{"a":null}]})");
  for (const char* wrong : {R"({"weather": 3}})", R"({"weather": {}}})", R"([]})"}) {
    EXPECT_EQ(KindOf(ParseRunRecord(absl::StrCat(kRun, wrong), "run.json").status()),
              ErrorKind::kInput)
        << wrong;
  }
}

}  // namespace
}  // namespace hydra::train
