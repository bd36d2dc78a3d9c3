// Reading and rendering the fusion ledger: every field shows, damage is refused by its place.
#include "runtime/io/ledger.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hydra {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kLedger[] = R"({
  "target": "cpu", "level": "some-level",
  "entries": [{"name": "train_1x8", "kernels": 3, "bytes_outside_matmuls": 12345}],
  "kernels": [{"name": "add_1", "kind": "rows", "launches": 3, "bytes": 4321,
               "work": {"items": [8, 1], "flops": 0, "tenths_of_cycles": 25,
                        "traffic": [[321, 321], [4000, 8000]]},
               "ops": [{"op": "binary add", "scope": "layers.0", "location": "m.mlir:3"}]}],
  "decisions": [
    {"kind": "edge", "code": "EDGE", "detail": "", "accepted": true, "instances": 4, "first": 1,
     "ops": [{"op": "binary add", "scope": "layers.0", "location": "m.mlir:3"},
             {"op": "rms_norm", "scope": "layers.0", "location": "m.mlir:4"}],
     "before": {"bytes": 2000000, "picoseconds": 9000000, "launches": 2, "live_vectors": 3, "sweeps": 3},
     "after": {"bytes": 1000000, "picoseconds": 5000000, "launches": 1, "live_vectors": 5, "sweeps": 2}},
    {"kind": "sibling", "code": "REGISTERS", "detail": "a <reason>", "accepted": false, "instances": 1, "first": 1,
     "ops": [{"op": "a", "scope": "", "location": ""}, {"op": "b", "scope": "", "location": ""}],
     "limit": {"name": "live vectors", "value": 40, "allowed": 26}}]
})";

TEST(Ledger, TextShowsKernelsVerdictsNumbersAndLimits) {
  const absl::StatusOr<Ledger> ledger = ParseLedger(kLedger, "test");
  ASSERT_TRUE(ledger.ok()) << ledger.status();
  const std::string text = LedgerText(*ledger);
  for (const char* says :
       {"some-level", "1 kernels, 3 launches", "3 launches, 12.3 kB outside", "4321 B each",
        "m.mlir:3", "Taken: 4 candidates in 1 classes", "edge of binary add and rms_norm",
        "2000.0 kB -> 1000.0 kB, 9.0 us -> 5.0 us", "saving 4000.0 kB and 16.0 us",
        "Refused: 1 candidates", "live vectors: 40, allowed 26", "unknown place"}) {
    EXPECT_THAT(text, HasSubstr(says));
  }
  const std::string page = LedgerHtml(*ledger);
  EXPECT_THAT(page, HasSubstr("a &lt;reason&gt;"));
  EXPECT_THAT(page, Not(HasSubstr("a <reason>")));
}

TEST(Ledger, ReadsWhatPredictionsAreMadeFrom) {
  const absl::StatusOr<Ledger> ledger = ParseLedger(kLedger, "test");
  ASSERT_TRUE(ledger.ok()) << ledger.status();
  const std::optional<KernelWork>& work = ledger->kernels[0].work;
  ASSERT_TRUE(work.has_value());
  EXPECT_THAT(work->items, ::testing::ElementsAre(8, 1));
  EXPECT_EQ(work->cycles, 2.5);
  ASSERT_EQ(work->traffic.size(), 2u);
  EXPECT_EQ(work->traffic[1].bytes, 4000);
  EXPECT_EQ(work->traffic[1].tensor_bytes, 8000);
  std::string text = kLedger;
  text.replace(text.find("[321, 321]"), 10, "[321]     ");
  EXPECT_THAT(ParseLedger(text, "test").status().message(), HasSubstr("traffic[0]"));
}

TEST(Ledger, DiffNamesWhatIsDecidedOtherwise) {
  const absl::StatusOr<Ledger> old = ParseLedger(kLedger, "test");
  ASSERT_TRUE(old.ok());
  Ledger now = *old;
  EXPECT_EQ(LedgerDiff(*old, now), "");
  now.decisions[0].code = "DISABLED";
  EXPECT_EQ(LedgerDiff(*old, now),
            "edge of binary add and rms_norm\n    old: 4 x EDGE\n    new: 4 x DISABLED\n");
  now.decisions.erase(now.decisions.begin());
  EXPECT_THAT(LedgerDiff(*old, now), HasSubstr("new: not met"));
}

TEST(Ledger, RefusesWhatIsNoLedger) {
  EXPECT_THAT(ParseLedger("{}", "x.hydra").status().message(), HasSubstr("x.hydra"));
  std::string text = kLedger;
  text.replace(text.find("\"first\": 1"), 10, "\"first\": 9");
  EXPECT_FALSE(ParseLedger(text, "test").ok());
}

TEST(Ledger, CodeForGpusIsShownPerArchitecture) {
  std::string json(kLedger);
  json.insert(json.rfind('}'), R"(, "gpu_code": {"assembler": "ptxas 1.2", "levels": [
    {"level": "sm_80", "kernels": [{"name": "add_1", "threads": 128, "registers": 40, "stack_bytes": 8,
      "spill_store_bytes": 4, "spill_load_bytes": 12, "shared_bytes": 256, "resident_blocks": 12,
      "occupancy_percent": 75}]}, {"level": "compute_80", "kernels": []}]})");
  const absl::StatusOr<Ledger> ledger = ParseLedger(json, "test");
  ASSERT_TRUE(ledger.ok()) << ledger.status();
  ASSERT_EQ(ledger->gpu_code.levels.size(), 2u);
  EXPECT_EQ(GpuReport::Spilling(ledger->gpu_code.levels[0]), 1);
  const std::string text = LedgerText(*ledger);
  for (const char* says : {"assembled by ptxas 1.2", "1 kernels, at most 40 registers and 256 B",
                           "1 spill", "75%", "PTX, compiled by the driver"}) {
    EXPECT_THAT(text, HasSubstr(says));
  }
  EXPECT_THAT(LedgerHtml(*ledger), HasSubstr("75%"));
  json.replace(json.find("\"registers\": 40"), 15, "\"registers\": -1");
  EXPECT_THAT(std::string(ParseLedger(json, "test").status().message()), HasSubstr("registers"));
}

}  // namespace
}  // namespace hydra
