// What routers did: when it counts as collapsed, what the database keeps of it, and what a report
// makes of that.
#include "runtime/metrics/routing.h"

#include <cmath>

#include "runtime/metrics/metrics_database.h"
#include "runtime/metrics/routing_report.h"
#include "tests/metrics/metrics_fixture.h"

namespace hydra::metrics {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(RoutingStatusTest, Depths) {
  const auto status = [](std::vector<int64_t> made, int64_t min_depth = 0) {
    return MorRow{.tokens = std::move(made), .min_depth = min_depth}.Status();
  };
  EXPECT_EQ(status({100, 50, 20}), "OK");
  EXPECT_EQ(status({100, 9, 5}), "DEPTH_COLLAPSED_EARLY");
  EXPECT_EQ(status({100, 10, 5}), "OK") << "not more than 90 %";
  EXPECT_EQ(status({100, 95, 91}), "DEPTH_COLLAPSED_MAX");
  EXPECT_EQ(status({100, 95, 4}), "DEPTH_COLLAPSED");
  EXPECT_EQ(status({1000, 1000, 500}), "DEPTH_UNUSED_0");
  EXPECT_EQ(status({1000, 1000, 500}, 1), "OK") << "depth 0 is not allowed";
  EXPECT_EQ(status({0, 0, 0}), "OK") << "nothing was routed";
}

TEST(RoutingStatusTest, Experts) {
  const auto status = [](std::vector<int64_t> tokens) {
    return MoeRow{.tokens = std::move(tokens)}.Status();
  };
  EXPECT_EQ(status({25, 25, 25, 25}), "OK");
  EXPECT_EQ(status({2, 93, 3, 2}), "EXPERT_COLLAPSED_1");
  EXPECT_EQ(status({40, 40, 18, 2}), "EXPERT_UNUSED_3");
  EXPECT_EQ(status({40, 40, 17, 3}), "OK") << "a tenth of a fair share of 25";
}

TEST(RoutingStatusTest, Probabilities) {
  const auto status = [](double mean, std::vector<int64_t> tokens = {1}) {
    return ModRow{.tokens = std::move(tokens), .probs_mean = mean, .capacity = 0.5}.Status();
  };
  EXPECT_EQ(status(0.5), "OK");
  EXPECT_EQ(status(0.05), "COLLAPSED_LOW");
  EXPECT_EQ(status(0.95), "COLLAPSED_HIGH");
  EXPECT_EQ(status(0.25), "DRIFTING");
  EXPECT_EQ(status(0.25, {}), "DISABLED_PRE_ENABLE");
  EXPECT_EQ(status(0.5, {}), "OK");
}

// Step `step` of three: two passes, five experts.
StepRow Routed(int64_t step) {
  StepRow row = Step(step, 3);
  row.routing.mod = {{.layer = 1,
                      .tokens = step == 1 ? std::vector<int64_t>() : std::vector<int64_t>{8, 4},
                      .selected_frac = 0.5,
                      .compute_savings_pct = step == 1 ? 0.0 : 62.5,
                      .probs_mean = 0.4,
                      .probs_std = 0.1 * static_cast<double>(step),
                      .capacity = 0.5}};
  row.routing.mor = {{.layer = 1, .tokens = {16, 4 * step}, .router_probs_mean = 0.3}};
  row.routing.moe = {{.layer = 0, .tokens = {1, 2, 3, 4, 6}, .entropy = 1, .divergence = 0.5}};
  row.routing.mlp_flops = 30;
  row.routing.mlp_flops_fixed_depth = 40;
  return row;
}

class RoutingReportTest : public MetricsTest {
 protected:
  void Write() {
    absl::StatusOr<MetricsDatabase> metrics = MetricsDatabase::Open(Path("metrics.db"), 100);
    ASSERT_TRUE(metrics.ok()) << metrics.status();
    ASSERT_TRUE(metrics->BeginRun(Info(0)).ok());
    ASSERT_TRUE(metrics->Record({Routed(1), Routed(2), Routed(3)}).ok());
  }
};

TEST_F(RoutingReportTest, SumsTheLastSteps) {
  Write();
  const absl::StatusOr<RoutingReport> report =
      ReadRouting({.database = Path("metrics.db"), .last = 2});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->run, "r");
  EXPECT_EQ(report->from_step, 2);
  EXPECT_EQ(report->last_step, 3);
  ASSERT_EQ(report->rows.mor.size(), 1u);
  EXPECT_THAT(report->rows.mor[0].tokens, ElementsAre(32, 20));
  EXPECT_EQ(report->rows.mor[0].avg_depth, 0.625);
  ASSERT_EQ(report->rows.mod.size(), 1u);
  EXPECT_THAT(report->rows.mod[0].tokens, ElementsAre(16, 8));
  EXPECT_THAT(report->rows.mod[0].probs_std, DoubleNear(std::sqrt((0.04 + 0.09) / 2), 1e-12));
  ASSERT_EQ(report->rows.moe.size(), 1u);
  EXPECT_THAT(report->rows.moe[0].tokens, ElementsAre(2, 4, 6, 8, 12));
  EXPECT_EQ(report->rows.mlp_flops, 60);
  EXPECT_EQ(report->run_mlp_flops, 90);
  EXPECT_EQ(SavedShare(report->run_mlp_flops, report->run_mlp_flops_fixed_depth), 0.25);
}

TEST_F(RoutingReportTest, HistoryHasSharesOfTokens) {
  Write();
  const absl::StatusOr<RoutingReport> report = ReadRouting({.database = Path("metrics.db")});
  ASSERT_TRUE(report.ok()) << report.status();
  const auto track = [&](const std::string& router, int64_t part) {
    for (const RoutingTrack& candidate : report->history) {
      if (candidate.router == router && candidate.part == part) return candidate.shares;
    }
    return std::vector<double>();
  };
  EXPECT_THAT(track("mor", 0), ElementsAre(0.75, 0.5, 0.25));
  EXPECT_THAT(track("mor", 1), ElementsAre(0.25, 0.5, 0.75));
  EXPECT_THAT(track("mod", 0), ElementsAre(testing::IsNan(), 0.5, 0.5)) << "of 16 tokens";
  EXPECT_THAT(track("moe", 4), ElementsAre(0.375, 0.375, 0.375));
}

TEST_F(RoutingReportTest, RowsOfAnAbandonedWayAreSetAside) {
  Write();
  absl::StatusOr<MetricsDatabase> metrics = MetricsDatabase::Open(Path("metrics.db"), 100);
  ASSERT_TRUE(metrics->BeginRun(Info(1)).ok());
  for (const char* table :
       {"routing_mod", "routing_mor", "routing_moe", "routing_tokens", "routing_work"}) {
    EXPECT_EQ(Query(absl::StrCat("SELECT max(step) FROM ", table, " WHERE run_id='r'")), 1);
    EXPECT_EQ(Query(absl::StrCat("SELECT max(step) FROM ", table, " WHERE run_id='r~1'")), 3);
  }
  const absl::StatusOr<RoutingReport> report = ReadRouting({.database = Path("metrics.db")});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->run, "r") << "not what was set aside";
}

TEST_F(RoutingReportTest, SaysWhatIsMissing) {
  EXPECT_EQ(KindOf(ReadRouting({.database = Path("metrics.db")}).status()), ErrorKind::kInput);
  {
    absl::StatusOr<MetricsDatabase> metrics = MetricsDatabase::Open(Path("metrics.db"), 100);
    ASSERT_TRUE(metrics->BeginRun(Info(0)).ok());
    StepRow fixed = Step(1, 3);
    fixed.routing = {};
    ASSERT_TRUE(metrics->Record({fixed}).ok());
  }
  absl::Status status = ReadRouting({.database = Path("metrics.db")}).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kInput);
  EXPECT_THAT(std::string(status.message()), HasSubstr("none of its 1 steps routed"));
  status = ReadRouting({.database = Path("metrics.db"), .run = "other"}).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("expected run other, found r"));
}

}  // namespace
}  // namespace hydra::metrics
