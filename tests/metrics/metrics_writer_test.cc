// Metrics on a thread of their own: files that are locked, deleted, damaged or may not grow.
#include "runtime/metrics/metrics_writer.h"

#include <sys/resource.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <thread>

#include "runtime/metrics/database_store.h"
#include "runtime/metrics/journal.h"
#include "tests/metrics/metrics_fixture.h"

namespace hydra::metrics {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class MetricsWriterTest : public MetricsTest {
 protected:
  std::unique_ptr<MetricsWriter> Start(MetricsWriterOptions options = Fast()) {
    std::vector<std::unique_ptr<RowStore>> stores;
    stores.push_back(std::make_unique<Journal>(Path("steps.jsonl"), Info(0)));
    stores.push_back(std::make_unique<DatabaseStore>(Path("metrics.db"), Info(0), 20));
    return std::make_unique<MetricsWriter>(std::move(stores), options);
  }
  static MetricsWriterOptions Fast() {
    return {.gather = std::chrono::milliseconds(1), .retry = std::chrono::milliseconds(20)};
  }
  static void Record(MetricsWriter& writer, int64_t first, int64_t last) {
    for (int64_t step = first; step <= last; ++step) writer.Record(Step(step, 1));
  }
  // Waits until the database has that many steps.
  void WaitFor(int64_t steps) {
    for (int i = 0; i < 2000; ++i) {
      const auto database = Database::Open(Path("metrics.db"), Database::Mode::kReadOnly);
      if (database.ok() && Count() >= static_cast<double>(steps)) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    FAIL() << "expected " << steps << " steps in the database within 10 s";
  }
  double Count() {
    auto database = Database::Open(Path("metrics.db"), Database::Mode::kReadOnly);
    if (!database.ok()) return -1;
    auto statement = database->Prepare("SELECT count(*) FROM steps");
    if (!statement.ok() || !statement->Step().ok()) return -1;
    return statement->Real(0);
  }
  // Steps of the journal's step lines.
  size_t JournalSteps() {
    size_t count = 0;
    for (const std::string& line : Lines("steps.jsonl")) {
      if (line.find("\"event\":\"step\"") != std::string::npos) ++count;
    }
    return count;
  }
};

TEST_F(MetricsWriterTest, WritesEveryRowAndReportsNothing) {
  auto writer = Start();
  Record(*writer, 1, 500);
  WaitFor(1);  // visible while the run lives
  writer->Record(EvaluationRow{.step = 500, .data = "validation", .loss = 3});
  EXPECT_THAT(writer->Finish(), IsEmpty());
  EXPECT_THAT(writer->TakeWarnings(), IsEmpty());
  EXPECT_EQ(Query("SELECT count(*) FROM steps"), 500);
  EXPECT_EQ(Query("SELECT loss FROM evaluations"), 3);
  EXPECT_EQ(JournalSteps(), 500u);
}

TEST_F(MetricsWriterTest, ALockedDatabaseIsWaitedForAndNothingIsMissing) {
  auto writer = Start();
  Record(*writer, 1, 3);
  WaitFor(3);
  absl::StatusOr<Database> other = Database::Open(Path("metrics.db"), Database::Mode::kCreate);
  ASSERT_TRUE(other->Execute("BEGIN EXCLUSIVE").ok());
  Record(*writer, 4, 300);
  while (JournalSteps() < 300) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));  // several attempts
  ASSERT_TRUE(other->Execute("ROLLBACK").ok());
  EXPECT_THAT(writer->Finish(), IsEmpty());
  EXPECT_THAT(writer->TakeWarnings(), ElementsAre(HasSubstr("another program holds it")));
  EXPECT_EQ(Query("SELECT count(*) FROM steps"), 300);
}

TEST_F(MetricsWriterTest, ADatabaseThatStaysLockedIsAGap) {
  auto writer = Start({.pending_rows = 10,
                       .gather = std::chrono::milliseconds(1),
                       .retry = std::chrono::milliseconds(20)});
  Record(*writer, 1, 3);
  WaitFor(3);
  absl::StatusOr<Database> other = Database::Open(Path("metrics.db"), Database::Mode::kCreate);
  ASSERT_TRUE(other->Execute("BEGIN EXCLUSIVE").ok());
  Record(*writer, 4, 100);
  const std::vector<std::string> gaps = writer->Finish();
  ASSERT_TRUE(other->Execute("ROLLBACK").ok());
  ASSERT_EQ(gaps.size(), 1u);
  EXPECT_THAT(gaps[0], HasSubstr("metrics.db: lacks 97 steps: 4-100"));
  EXPECT_THAT(gaps[0], HasSubstr("another program holds it"));
  EXPECT_THAT(writer->TakeWarnings(), ElementsAre(HasSubstr("another program holds it")));
  EXPECT_EQ(Query("SELECT count(*) FROM steps"), 3);
  EXPECT_EQ(JournalSteps(), 100u);
}

TEST_F(MetricsWriterTest, ADeletedDatabaseIsBegunAnew) {
  auto writer = Start();
  Record(*writer, 1, 20);
  WaitFor(20);
  for (const char* name : {"metrics.db", "metrics.db-wal", "metrics.db-shm"}) {
    fs::remove(Path(name));
  }
  Record(*writer, 21, 30);
  WaitFor(10);
  fs::remove(Path("metrics.db"));  // a second time, its log stays
  Record(*writer, 31, 40);
  const std::vector<std::string> gaps = writer->Finish();
  ASSERT_EQ(gaps.size(), 1u);
  EXPECT_THAT(gaps[0], HasSubstr("metrics.db: lacks 30 steps: 1-30"));
  EXPECT_THAT(writer->TakeWarnings(), ElementsAre(HasSubstr("deleted")));
  EXPECT_EQ(Query("SELECT min(step) FROM steps"), 31);
  EXPECT_EQ(Query("SELECT count(*) FROM steps"), 10);
  // The totals are those of the run, not of what is left of it.
  EXPECT_EQ(Query("SELECT total_tokens FROM runs"), 40 * 16);
  EXPECT_EQ(JournalSteps(), 40u);
}

TEST_F(MetricsWriterTest, ADamagedDatabaseIsSetAside) {
  auto writer = Start();
  Record(*writer, 1, 20);
  WaitFor(20);
  const std::string garbage(100000, 'x');
  std::ofstream(Path("metrics.db"), std::ios::trunc) << garbage;
  Record(*writer, 21, 40);
  const std::vector<std::string> gaps = writer->Finish();
  ASSERT_EQ(gaps.size(), 1u);
  EXPECT_THAT(gaps[0], HasSubstr("lacks 20 steps: 1-20"));
  EXPECT_THAT(writer->TakeWarnings(), ElementsAre(HasSubstr("metrics.db.damaged-1")));
  EXPECT_EQ(fs::file_size(Path("metrics.db.damaged-1")), garbage.size());
  EXPECT_EQ(Query("SELECT count(*) FROM steps"), 20);
  EXPECT_EQ(JournalSteps(), 40u);
}

TEST_F(MetricsWriterTest, AFileThatIsNoDatabaseAtTheStartIsSetAside) {
  std::ofstream(Path("metrics.db")) << std::string(5000, 'x');
  auto writer = Start();
  Record(*writer, 1, 5);
  EXPECT_THAT(writer->Finish(), IsEmpty());
  EXPECT_THAT(writer->TakeWarnings(), ElementsAre(HasSubstr("is damaged")));
  EXPECT_TRUE(fs::exists(Path("metrics.db.damaged-1")));
  EXPECT_EQ(Query("SELECT count(*) FROM steps"), 5);
}

TEST_F(MetricsWriterTest, ADirectoryThatIsGoneIsAGapInBothFiles) {
  fs::remove_all(directory_);
  auto writer = Start();
  Record(*writer, 1, 5);
  const std::vector<std::string> gaps = writer->Finish();
  ASSERT_EQ(gaps.size(), 2u);
  EXPECT_THAT(gaps[0], HasSubstr("steps.jsonl: lacks 5 steps: 1-5"));
  EXPECT_THAT(gaps[1], HasSubstr("metrics.db: lacks 5 steps: 1-5"));
  EXPECT_EQ(writer->TakeWarnings().size(), 2u);
}

// A limit on file sizes fails a write as a full disk does, and needs no privileges.
TEST_F(MetricsWriterTest, FilesThatMayNotGrowAreAGapAndGoOnWhenTheyMay) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  auto writer = Start();
  Record(*writer, 1, 3);
  WaitFor(3);
  const rlimit small = {1024, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  std::vector<std::string> warnings;
  for (int64_t step = 4; warnings.size() < 2 && step < 2000; ++step) {
    writer->Record(Step(step, 1));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    for (std::string& warning : writer->TakeWarnings()) warnings.push_back(std::move(warning));
  }
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  ASSERT_EQ(warnings.size(), 2u);
  writer->Record(Step(2000, 1));
  EXPECT_THAT(writer->Finish(), IsEmpty()) << "space came back before rows were dropped";
  EXPECT_THAT(writer->TakeWarnings(), IsEmpty()) << "each trouble once";
  EXPECT_EQ(Query("SELECT max(step) FROM steps"), 2000);
  // No line is torn.
  for (const std::string& line : Lines("steps.jsonl")) {
    EXPECT_TRUE(line.front() == '{' && line.back() == '}') << line;
  }
}

// A store that hangs until it is told to go on.
class HangingStore final : public RowStore {
 public:
  explicit HangingStore(std::atomic<bool>& go) : go_(go) {}
  const std::string& path() const override { return path_; }
  absl::Status Write(absl::Span<const Row>) override {
    while (!go_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return absl::OkStatus();
  }
  std::optional<std::string> TakeLoss() override { return std::nullopt; }
  absl::Status End() override { return absl::OkStatus(); }

 private:
  std::string path_ = "hanging";
  std::atomic<bool>& go_;
};

TEST_F(MetricsWriterTest, RecordNeverWaitsForAStore) {
  std::atomic<bool> go = false;
  std::vector<std::unique_ptr<RowStore>> stores;
  stores.push_back(std::make_unique<HangingStore>(go));
  MetricsWriter writer(std::move(stores), {.queue_rows = 10});
  std::this_thread::sleep_for(
      std::chrono::milliseconds(50));  // the thread hangs in the first write
  Record(writer, 1, 25);               // returns, although nothing is written
  go = true;
  const std::vector<std::string> gaps = writer.Finish();
  ASSERT_EQ(gaps.size(), 1u);
  EXPECT_THAT(gaps[0], HasSubstr("hanging: lacks 15 steps: 11-25"));
  EXPECT_THAT(gaps[0], HasSubstr("faster than"));
}

}  // namespace
}  // namespace hydra::metrics
