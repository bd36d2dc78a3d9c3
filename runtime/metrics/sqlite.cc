#include "runtime/metrics/sqlite.h"

#include <sqlite3.h>

#include <cmath>
#include <utility>

#include "absl/strings/cord.h"

namespace hydra::metrics {
namespace {

// A file that is no database is a bad input; all else is the system's or another process's doing.
ErrorKind KindFor(int code) {
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CANTOPEN:
      return ErrorKind::kInput;
    case SQLITE_NOMEM:
      return ErrorKind::kOutOfMemory;
    default:
      return ErrorKind::kFailure;
  }
}

constexpr absl::string_view kTroublePayload = "hydra.sqlite-trouble";

Trouble TroubleFor(int code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Trouble::kBusy;
    case SQLITE_FULL:
      return Trouble::kFull;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Trouble::kDamaged;
    case SQLITE_IOERR:
      // A file that may not grow (RLIMIT_FSIZE, a quota) is reported as a failed write.
      return code == SQLITE_IOERR_WRITE || code == SQLITE_IOERR_TRUNCATE ||
                     code == SQLITE_IOERR_SHMSIZE
                 ? Trouble::kFull
             : code == SQLITE_IOERR_SHORT_READ || code == SQLITE_IOERR_CORRUPTFS ? Trouble::kDamaged
                                                                                 : Trouble::kOther;
    default:
      return Trouble::kOther;
  }
}

// `code` may be an extended one.
absl::Status SqliteError(int code, absl::string_view message) {
  absl::Status status = MakeError(KindFor(code), message);
  const char byte = static_cast<char>(TroubleFor(code));
  status.SetPayload(kTroublePayload, absl::Cord(absl::string_view(&byte, 1)));
  return status;
}

}  // namespace

Trouble TroubleOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kTroublePayload);
  return payload && !payload->empty() ? static_cast<Trouble>((*payload)[0]) : Trouble::kOther;
}

std::string SqliteVersion() { return sqlite3_libversion(); }

void Statement::Finalise::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

absl::Status Statement::Error(int code) const {
  sqlite3* database = sqlite3_db_handle(statement_.get());
  return SqliteError(code, absl::StrCat("SQLite: ", sqlite3_errmsg(database), " in '",
                                        sqlite3_sql(statement_.get()), "'"));
}

Statement& Statement::Bind(int place, int64_t value) {
  const int code = sqlite3_bind_int64(statement_.get(), place, value);
  if (code != SQLITE_OK) bind_error_ = code;
  return *this;
}

Statement& Statement::Bind(int place, double value) {
  if (std::isnan(value)) return BindNull(place);
  const int code = sqlite3_bind_double(statement_.get(), place, value);
  if (code != SQLITE_OK) bind_error_ = code;
  return *this;
}

Statement& Statement::Bind(int place, absl::string_view text) {
  const int code = sqlite3_bind_text64(statement_.get(), place, text.data(), text.size(),
                                       SQLITE_TRANSIENT, SQLITE_UTF8);
  if (code != SQLITE_OK) bind_error_ = code;
  return *this;
}

Statement& Statement::BindNull(int place) {
  const int code = sqlite3_bind_null(statement_.get(), place);
  if (code != SQLITE_OK) bind_error_ = code;
  return *this;
}

absl::StatusOr<bool> Statement::Step() {
  if (bind_error_ != SQLITE_OK) return Error(std::exchange(bind_error_, SQLITE_OK));
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return Error(code);
}

absl::Status Statement::Run() {
  absl::StatusOr<bool> row = Step();
  while (row.ok() && *row) row = Step();
  Reset();
  return row.status();
}

void Statement::Reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
  bind_error_ = SQLITE_OK;
}

int Statement::columns() const { return sqlite3_column_count(statement_.get()); }

std::string Statement::ColumnName(int column) const {
  const char* name = sqlite3_column_name(statement_.get(), column);
  return name == nullptr ? std::string() : std::string(name);
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

int64_t Statement::Integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

double Statement::Real(int column) const { return sqlite3_column_double(statement_.get(), column); }

std::string Statement::Text(int column) const {
  const unsigned char* text = sqlite3_column_text(statement_.get(), column);
  if (text == nullptr) return std::string();
  const int bytes = sqlite3_column_bytes(statement_.get(), column);
  return std::string(reinterpret_cast<const char*>(text), static_cast<size_t>(bytes));
}

void Database::Close::operator()(sqlite3* database) const { sqlite3_close(database); }

absl::Status Database::Error(int code, absl::string_view what) const {
  return SqliteError(code, absl::StrCat(path_, ": ", what, ": ", sqlite3_errmsg(database_.get())));
}

absl::StatusOr<Database> Database::Open(const std::string& path, Mode mode, int busy_milliseconds) {
  sqlite3* raw = nullptr;
  const int flags =
      mode == Mode::kCreate ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  Database database(raw, path);
  if (code != SQLITE_OK) return database.Error(code, "cannot open the metrics database");
  // A reader may hold the file for a moment; waiting beats failing.
  sqlite3_busy_timeout(raw, busy_milliseconds);
  sqlite3_extended_result_codes(raw, 1);
  if (mode == Mode::kCreate) {
    HYDRA_RETURN_IF_ERROR(
        database.Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
                         "PRAGMA foreign_keys=ON;"));
  }
  return database;
}

void Database::SetBusyTimeout(int milliseconds) {
  sqlite3_busy_timeout(database_.get(), milliseconds);
}

void Database::KeepLogOnClose() {
  sqlite3_db_config(database_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

absl::StatusOr<Statement> Database::Prepare(absl::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code =
      sqlite3_prepare_v2(database_.get(), sql.data(), static_cast<int>(sql.size()), &raw, nullptr);
  if (code != SQLITE_OK) return Error(code, absl::StrCat("in '", sql, "'"));
  if (raw == nullptr) return FailureError("the SQL statement is empty");
  return Statement(raw);
}

absl::Status Database::Execute(const std::string& sql) {
  const int code = sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return Error(code, absl::StrCat("in '", sql, "'"));
  return absl::OkStatus();
}

absl::StatusOr<Transaction> Transaction::Start(Database& database) {
  HYDRA_RETURN_IF_ERROR(database.Execute("BEGIN IMMEDIATE"));
  return Transaction(&database);
}

Transaction::~Transaction() {
  if (database_ != nullptr) database_->Execute("ROLLBACK").IgnoreError();
}

absl::Status Transaction::Commit() {
  HYDRA_RETURN_IF_ERROR(database_->Execute("COMMIT"));
  database_ = nullptr;
  return absl::OkStatus();
}

}  // namespace hydra::metrics
