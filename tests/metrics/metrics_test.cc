// SQLite wrapper, metrics database and journal.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/status.h"
#include "runtime/metrics/journal.h"
#include "runtime/metrics/metrics_database.h"
#include "runtime/metrics/sqlite.h"

namespace hydra::metrics {
namespace {

class MetricsTest : public testing::Test {
 protected:
  void SetUp() override {
    const testing::TestInfo* info = testing::UnitTest::GetInstance()->current_test_info();
    directory_ = std::filesystem::path(testing::TempDir()) / absl::StrCat("metrics_", info->name());
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string Path(const std::string& name) const { return (directory_ / name).string(); }

  // The single value of a query on the file, through a connection of its own.
  double Query(const std::string& sql) const {
    absl::StatusOr<Database> database =
        Database::Open(Path("metrics.db"), Database::Mode::kReadOnly);
    EXPECT_TRUE(database.ok()) << database.status();
    absl::StatusOr<Statement> statement = database->Prepare(sql);
    EXPECT_TRUE(statement.ok()) << statement.status();
    absl::StatusOr<bool> row = statement->Step();
    EXPECT_TRUE(row.ok() && *row) << sql;
    return statement->IsNull(0) ? std::nan("") : statement->Real(0);
  }

  std::filesystem::path directory_;
};

StepRow Row(int64_t step, double loss) {
  return {.step = step,
          .losses = {{"total", loss + 1}, {"ce", loss}, {"moe_aux", 0.5}},
          .lr = 1e-3,
          .grad_norm = 1,
          .grad_norm_pre_clip = 2,
          .tokens_per_second = 100,
          .step_milliseconds = 10,
          .batch_size = 2,
          .seq_len = 8,
          .tokens = 16};
}

RunInfo Info(int64_t start_step) {
  return {.run_id = "r",
          .model_id = "m",
          .architecture_json = "{}",
          .config_json = "{}",
          .params_millions = 1.5,
          .start_step = start_step,
          .environment = {{"threads", "2"}}};
}

TEST_F(MetricsTest, StatementsBindAndRead) {
  absl::StatusOr<Database> database = Database::Open(Path("a.db"), Database::Mode::kCreate);
  ASSERT_TRUE(database.ok()) << database.status();
  ASSERT_TRUE(database->Execute("CREATE TABLE t(i INTEGER, r REAL, s TEXT) STRICT").ok());
  absl::StatusOr<Statement> insert = database->Prepare("INSERT INTO t VALUES(?,?,?)");
  ASSERT_TRUE(insert.ok()) << insert.status();
  EXPECT_TRUE(insert->Bind(1, int64_t{1} << 40).Bind(2, 0.1).Bind(3, "a'\"b").Run().ok());
  EXPECT_TRUE(insert->Bind(1, int64_t{2}).Bind(2, std::nan("")).BindNull(3).Run().ok());
  absl::StatusOr<Statement> select = database->Prepare("SELECT * FROM t ORDER BY i");
  ASSERT_TRUE(select.ok());
  ASSERT_TRUE(*select->Step());
  EXPECT_TRUE(select->IsNull(1));
  EXPECT_TRUE(select->IsNull(2));
  ASSERT_TRUE(*select->Step());
  EXPECT_EQ(select->Integer(0), int64_t{1} << 40);
  EXPECT_EQ(select->Real(1), 0.1);
  EXPECT_EQ(select->Text(2), "a'\"b");
  EXPECT_EQ(select->ColumnName(2), "s");
  EXPECT_FALSE(*select->Step());
}

TEST_F(MetricsTest, SqlErrorsAreStatuses) {
  absl::StatusOr<Database> database = Database::Open(Path("a.db"), Database::Mode::kCreate);
  ASSERT_TRUE(database.ok());
  EXPECT_THAT(std::string(database->Prepare("SELECT nothing").status().message()),
              testing::HasSubstr("nothing"));
  ASSERT_TRUE(database->Execute("CREATE TABLE t(i INTEGER) STRICT").ok());
  absl::StatusOr<Statement> insert = database->Prepare("INSERT INTO t VALUES(?)");
  EXPECT_FALSE(insert->Bind(1, absl::string_view("not a number")).Run().ok());
  EXPECT_FALSE(insert->Bind(9, int64_t{1}).Run().ok());
  EXPECT_TRUE(insert->Bind(1, int64_t{1}).Run().ok());
  EXPECT_EQ(KindOf(Database::Open(Path("missing.db"), Database::Mode::kReadOnly).status()),
            ErrorKind::kInput);
}

TEST_F(MetricsTest, RefusesAFileThatIsNoDatabase) {
  std::ofstream(Path("metrics.db")) << std::string(4096, 'x');
  EXPECT_EQ(KindOf(MetricsDatabase::Open(Path("metrics.db")).status()), ErrorKind::kInput);
}

TEST_F(MetricsTest, RefusesANewerSchema) {
  {
    absl::StatusOr<Database> database = Database::Open(Path("metrics.db"), Database::Mode::kCreate);
    ASSERT_TRUE(database->Execute("PRAGMA user_version=99").ok());
  }
  EXPECT_EQ(KindOf(MetricsDatabase::Open(Path("metrics.db")).status()), ErrorKind::kInput);
}

TEST_F(MetricsTest, RowsAreVisibleWhileTheRunIsOpen) {
  absl::StatusOr<MetricsDatabase> metrics = MetricsDatabase::Open(Path("metrics.db"));
  ASSERT_TRUE(metrics.ok()) << metrics.status();
  ASSERT_TRUE(metrics->BeginRun(Info(0)).ok());
  ASSERT_TRUE(metrics->RecordStep(Row(1, 5)).ok());
  EXPECT_EQ(Query("SELECT loss_total FROM steps WHERE run_id='r' AND step=1"), 6);
  EXPECT_EQ(Query("SELECT loss_ce FROM steps"), 5);
  EXPECT_TRUE(std::isnan(Query("SELECT loss_ponder FROM steps")));
  EXPECT_EQ(Query("SELECT value FROM loss_terms WHERE term='moe_aux'"), 0.5);
  EXPECT_EQ(Query("SELECT value FROM environments WHERE key='threads'"), 2);
}

TEST_F(MetricsTest, ContinuingDropsLaterStepsAndKeepsAverages) {
  {
    absl::StatusOr<MetricsDatabase> metrics = MetricsDatabase::Open(Path("metrics.db"));
    ASSERT_TRUE(metrics->BeginRun(Info(0)).ok());
    for (int step = 1; step <= 5; ++step) ASSERT_TRUE(metrics->RecordStep(Row(step, step)).ok());
    ASSERT_TRUE(metrics->RecordEvaluation({.step = 5, .data = "validation", .loss = 2}).ok());
  }
  const double before = Query("SELECT ema_short FROM steps WHERE step=3");
  absl::StatusOr<MetricsDatabase> metrics = MetricsDatabase::Open(Path("metrics.db"));
  ASSERT_TRUE(metrics->BeginRun(Info(3)).ok());
  EXPECT_EQ(Query("SELECT max(step) FROM steps"), 3);
  EXPECT_EQ(Query("SELECT count(*) FROM loss_terms WHERE step>3"), 0);
  EXPECT_EQ(Query("SELECT count(*) FROM evaluations"), 0);
  ASSERT_TRUE(metrics->RecordStep(Row(4, 40)).ok());
  EXPECT_DOUBLE_EQ(Query("SELECT ema_short FROM steps WHERE step=4"), 0.99 * before + 0.01 * 41);
  ASSERT_TRUE(metrics->EndRun().ok());
  EXPECT_EQ(Query("SELECT end_step FROM runs"), 4);
  EXPECT_EQ(Query("SELECT total_tokens FROM runs"), 64);
  EXPECT_EQ(Query("SELECT best_loss FROM runs"), 2);
  EXPECT_EQ(Query("SELECT best_loss_step FROM runs"), 1);
}

std::vector<std::string> Lines(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST_F(MetricsTest, JournalWritesOneObjectPerLine) {
  const std::string path = Path("metrics.jsonl");
  absl::StatusOr<Journal> journal = Journal::Open(path, 0);
  ASSERT_TRUE(journal.ok()) << journal.status();
  StepRow row = Row(1, 2);
  row.grad_norm = std::numeric_limits<double>::infinity();
  ASSERT_TRUE(journal->RecordStep(row).ok());
  ASSERT_TRUE(journal->RecordEvaluation({.step = 1, .data = "validation", .loss = 3}).ok());
  const std::vector<std::string> lines = Lines(path);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], testing::HasSubstr("\"event\":\"step\",\"step\":1"));
  EXPECT_THAT(lines[0], testing::HasSubstr("\"loss\":{\"total\":3.0,\"ce\":2.0"));
  EXPECT_THAT(lines[0], testing::HasSubstr("\"grad_norm\":null"));
  EXPECT_THAT(lines[1], testing::HasSubstr("\"event\":\"evaluation\""));
}

TEST_F(MetricsTest, JournalContinuesAfterTheCheckpointedStep) {
  const std::string path = Path("metrics.jsonl");
  {
    absl::StatusOr<Journal> journal = Journal::Open(path, 0);
    for (int step = 1; step <= 4; ++step) ASSERT_TRUE(journal->RecordStep(Row(step, 1)).ok());
  }
  std::ofstream(path, std::ios::app) << "{\"event\":\"step\",\"st";  // torn by a crash
  absl::StatusOr<Journal> journal = Journal::Open(path, 2);
  ASSERT_TRUE(journal.ok());
  ASSERT_TRUE(journal->RecordStep(Row(3, 9)).ok());
  const std::vector<std::string> lines = Lines(path);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_THAT(lines[2], testing::HasSubstr("\"ce\":9.0"));
}

}  // namespace
}  // namespace hydra::metrics
