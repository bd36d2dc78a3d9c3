// The SQLite wrapper: statements, errors.
#include "runtime/metrics/sqlite.h"

#include <cmath>

#include "tests/metrics/metrics_fixture.h"

namespace hydra::metrics {
namespace {

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

}  // namespace
}  // namespace hydra::metrics
