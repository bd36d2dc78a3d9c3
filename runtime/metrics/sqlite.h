// SQLite without exceptions: a database and its prepared statements as owners.
#ifndef HYDRA_RUNTIME_METRICS_SQLITE_H_
#define HYDRA_RUNTIME_METRICS_SQLITE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "runtime/base/status.h"

struct sqlite3;
struct sqlite3_stmt;

namespace hydra::metrics {

class Database;

// What stands behind an error of this file, for those who go on after it.
enum class Trouble {
  kOther,
  kBusy,     // another connection holds the file
  kFull,     // no space, or the file may not grow
  kDamaged,  // the file is no database, or no longer one
};
Trouble TroubleOf(const absl::Status& status);

// A prepared statement. Parameters are bound by their 1-based place and kept until Reset(). Must
// not outlive its database; not thread-safe.
class Statement {
 public:
  Statement(Statement&&) noexcept = default;
  Statement& operator=(Statement&&) noexcept = default;

  // Binding errors are kept and returned by the next Step() or Run().
  Statement& Bind(int place, int64_t value);
  Statement& Bind(int place, double value);  // NaN becomes NULL
  Statement& Bind(int place, absl::string_view text);
  Statement& BindNull(int place);
  template <typename T>
  Statement& Bind(int place, const std::optional<T>& value) {
    return value ? Bind(place, *value) : BindNull(place);
  }

  // Moves to the next row; false after the last one.
  absl::StatusOr<bool> Step();
  // Executes to the end and resets, for statements without rows.
  absl::Status Run();
  // Makes the statement ready to run again and forgets its bindings.
  void Reset();

  // Columns of the current row, counted from 0.
  int columns() const;
  std::string ColumnName(int column) const;
  bool IsNull(int column) const;
  int64_t Integer(int column) const;
  double Real(int column) const;
  std::string Text(int column) const;

 private:
  friend class Database;
  struct Finalise {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  absl::Status Error(int code) const;

  std::unique_ptr<sqlite3_stmt, Finalise> statement_;
  int bind_error_ = 0;
};

// One connection. Not thread-safe; several processes may open the same file.
class Database {
 public:
  enum class Mode { kCreate, kReadOnly };

  // Opens `path`. kCreate makes the file and its write-ahead log when missing. A file that is none
  // or no database is an input error. Waits up to `busy_milliseconds` for other connections.
  static absl::StatusOr<Database> Open(const std::string& path, Mode mode,
                                       int busy_milliseconds = 5000);

  void SetBusyTimeout(int milliseconds);
  // Leaves the write-ahead log of a damaged database as it is when the connection closes.
  void KeepLogOnClose();

  absl::StatusOr<Statement> Prepare(absl::string_view sql);
  // Runs statements without parameters or results, separated by semicolons.
  absl::Status Execute(const std::string& sql);

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  Database(sqlite3* database, std::string path) : database_(database), path_(std::move(path)) {}
  absl::Status Error(int code, absl::string_view what) const;

  std::unique_ptr<sqlite3, Close> database_;
  std::string path_;
};

// The library's version, "3.40.1".
std::string SqliteVersion();

// BEGIN on construction through Start(), ROLLBACK unless Commit() was called.
class Transaction {
 public:
  static absl::StatusOr<Transaction> Start(Database& database);
  Transaction(Transaction&& other) noexcept : database_(other.database_) {
    other.database_ = nullptr;
  }
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  absl::Status Commit();

 private:
  explicit Transaction(Database* database) : database_(database) {}
  Database* database_;
};

}  // namespace hydra::metrics

#endif  // HYDRA_RUNTIME_METRICS_SQLITE_H_
