// The metrics database: schema, live totals, runs that go on or begin again.
#include "runtime/metrics/metrics_database.h"

#include <cmath>

#include "tests/metrics/metrics_fixture.h"

namespace hydra::metrics {
namespace {

using testing::HasSubstr;

class MetricsDatabaseTest : public MetricsTest {
 protected:
  // Opens the database and begins the run.
  MetricsDatabase Begin(const RunInfo& info) {
    absl::StatusOr<MetricsDatabase> metrics = MetricsDatabase::Open(Path("metrics.db"), 100);
    EXPECT_TRUE(metrics.ok()) << metrics.status();
    EXPECT_TRUE(metrics->BeginRun(info).ok());
    return *std::move(metrics);
  }
};

TEST_F(MetricsDatabaseTest, RefusesAFileThatIsNoDatabase) {
  std::ofstream(Path("metrics.db")) << std::string(4096, 'x');
  const absl::Status status = MetricsDatabase::Open(Path("metrics.db"), 100).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kInput);
  EXPECT_EQ(TroubleOf(status), Trouble::kDamaged);
}

TEST_F(MetricsDatabaseTest, RefusesANewerSchema) {
  {
    absl::StatusOr<Database> database = Database::Open(Path("metrics.db"), Database::Mode::kCreate);
    ASSERT_TRUE(database->Execute("PRAGMA user_version=99").ok());
  }
  const absl::Status status = MetricsDatabase::Open(Path("metrics.db"), 100).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kInput);
  EXPECT_EQ(TroubleOf(status), Trouble::kOther) << "a database of a newer program is not damaged";
}

TEST_F(MetricsDatabaseTest, RowsAndTotalsAreVisibleWhileTheRunIsOpen) {
  MetricsDatabase metrics = Begin(Info(0));
  EXPECT_TRUE(std::isnan(Query("SELECT total_tokens FROM runs")));
  ASSERT_TRUE(metrics.Record({Step(1, 5), Step(2, 3), Step(3, 4)}).ok());
  EXPECT_EQ(Query("SELECT loss_total FROM steps WHERE run_id='r' AND step=1"), 6);
  EXPECT_EQ(Query("SELECT loss_ce FROM steps WHERE step=1"), 5);
  EXPECT_TRUE(std::isnan(Query("SELECT loss_ponder FROM steps")));
  EXPECT_EQ(Query("SELECT value FROM loss_terms WHERE term='moe_aux'"), 0.5);
  EXPECT_EQ(Query("SELECT value FROM record_fields WHERE field='clip_limit'"), 50);
  EXPECT_EQ(Query("SELECT value FROM record_fields WHERE field='histogram' AND element=1"), 0.75);
  EXPECT_EQ(Query("SELECT tokens FROM routing_tokens WHERE router='mor' AND layer=1 AND part=1"),
            9);
  EXPECT_EQ(Query("SELECT value FROM environments WHERE key='threads'"), 2);
  EXPECT_EQ(Query("SELECT total_tokens FROM runs"), 48);
  EXPECT_EQ(Query("SELECT best_loss FROM runs"), 4);
  EXPECT_EQ(Query("SELECT best_loss_step FROM runs"), 2);
  EXPECT_EQ(Query("SELECT end_step FROM runs"), 3);
  EXPECT_TRUE(std::isnan(Query("SELECT end_time FROM runs")));
  ASSERT_TRUE(metrics.EndRun().ok());
  EXPECT_FALSE(std::isnan(Query("SELECT end_time FROM runs")));
}

TEST_F(MetricsDatabaseTest, ARecordIsAllOrNothing) {
  MetricsDatabase metrics = Begin(Info(0));
  absl::StatusOr<Database> other = Database::Open(Path("metrics.db"), Database::Mode::kCreate);
  ASSERT_TRUE(other->Execute("BEGIN IMMEDIATE").ok());
  const absl::Status status = metrics.Record({Step(1, 5)});
  EXPECT_EQ(TroubleOf(status), Trouble::kBusy) << status;
  EXPECT_EQ(metrics.totals().tokens, 0) << "totals move with their rows only";
  ASSERT_TRUE(other->Execute("ROLLBACK").ok());
  ASSERT_TRUE(metrics.Record({Step(1, 5)}).ok());
  EXPECT_EQ(Query("SELECT total_tokens FROM runs"), 16);
  EXPECT_EQ(Query("SELECT ema_short FROM steps"), 6);
}

TEST_F(MetricsDatabaseTest, ContinuingKeepsAveragesTotalsAndTheLaterRowsOfTheOldAttempt) {
  {
    MetricsDatabase metrics = Begin(Info(0));
    ASSERT_TRUE(
        metrics.Record({Step(1, 1), Step(2, 2), Step(3, 3), Step(4, 0.5), Step(5, 5)}).ok());
    ASSERT_TRUE(metrics.Record({EvaluationRow{.step = 5, .data = "validation", .loss = 2}}).ok());
    ASSERT_TRUE(metrics
                    .Record({SampleRow{.step = 3, .prompt = "a", .text = "b"},
                             SampleRow{.step = 4, .prompt = "a", .text = "c"}})
                    .ok());
  }
  const double before = Query("SELECT ema_short FROM steps WHERE step=3");
  MetricsDatabase metrics = Begin(Info(3));
  EXPECT_EQ(Query("SELECT max(step) FROM steps WHERE run_id='r'"), 3);
  EXPECT_EQ(Query("SELECT count(*) FROM loss_terms WHERE step>3 AND run_id='r'"), 0);
  EXPECT_EQ(Query("SELECT count(*) FROM evaluations WHERE run_id='r'"), 0);
  EXPECT_EQ(Query("SELECT step FROM samples WHERE run_id='r' AND text='b'"), 3);
  EXPECT_EQ(Query("SELECT step FROM samples WHERE run_id='r~1' AND text='c'"), 4);
  EXPECT_EQ(Query("SELECT best_loss FROM runs WHERE run_id='r'"), 2);
  EXPECT_EQ(Query("SELECT total_tokens FROM runs WHERE run_id='r'"), 48);
  // Nothing is lost.
  EXPECT_EQ(Query("SELECT count(*) FROM steps WHERE run_id='r~1' AND step IN (4, 5)"), 2);
  EXPECT_EQ(Query("SELECT loss FROM evaluations WHERE run_id='r~1'"), 2);
  EXPECT_EQ(Query("SELECT start_step FROM runs WHERE run_id='r~1'"), 3);
  EXPECT_EQ(Query("SELECT best_loss_step FROM runs WHERE run_id='r~1'"), 4);
  ASSERT_TRUE(metrics.Record({Step(4, 40)}).ok());
  EXPECT_DOUBLE_EQ(Query("SELECT ema_short FROM steps WHERE step=4 AND run_id='r'"),
                   0.99 * before + 0.01 * 41);
  EXPECT_EQ(Query("SELECT total_tokens FROM runs WHERE run_id='r'"), 64);
}

// Equal settings, seed and data give equal run ids.
TEST_F(MetricsDatabaseTest, EqualRunsKeepEachOthersRows) {
  for (int attempt = 0; attempt < 3; ++attempt) {
    MetricsDatabase metrics = Begin(Info(0));
    ASSERT_TRUE(metrics.Record({Step(1, attempt), Step(2, attempt)}).ok());
    ASSERT_TRUE(metrics.EndRun().ok());
  }
  EXPECT_EQ(Query("SELECT count(*) FROM steps"), 6);
  EXPECT_EQ(Query("SELECT count(*) FROM runs WHERE run_id IN ('r', 'r~1', 'r~2')"), 3);
  EXPECT_EQ(Query("SELECT loss_ce FROM steps WHERE run_id='r~1' AND step=1"), 0);
  EXPECT_EQ(Query("SELECT loss_ce FROM steps WHERE run_id='r' AND step=1"), 2);
}

}  // namespace
}  // namespace hydra::metrics
