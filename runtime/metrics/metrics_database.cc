#include "runtime/metrics/metrics_database.h"

#include <optional>

#include "runtime/metrics/timestamp.h"

namespace hydra::metrics {
namespace {

// Tables of training.md section 21 that plain training fills, keyed by run as its [T] rule says,
// and what it adds: loss terms by name, evaluations, and the environment of every start.
constexpr char kSchema[] = R"sql(
CREATE TABLE IF NOT EXISTS models(
  model_id TEXT PRIMARY KEY, name TEXT, params_millions REAL, architecture_json TEXT,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP) STRICT;
CREATE TABLE IF NOT EXISTS runs(
  run_id TEXT PRIMARY KEY, model_id TEXT NOT NULL REFERENCES models(model_id),
  start_step INTEGER, end_step INTEGER, start_time TEXT, end_time TEXT, total_tokens INTEGER,
  best_loss REAL, best_loss_step INTEGER, config_json TEXT) STRICT;
CREATE TABLE IF NOT EXISTS steps(
  run_id TEXT NOT NULL REFERENCES runs(run_id), step INTEGER NOT NULL, model_id TEXT NOT NULL,
  timestamp TEXT, loss_total REAL, loss_ce REAL, loss_aux REAL, loss_ponder REAL,
  loss_advantage REAL, lr REAL, grad_norm REAL, grad_norm_pre_clip REAL,
  ema_short REAL, ema_medium REAL, ema_long REAL, tokens_per_sec REAL, vram_gb REAL,
  batch_size INTEGER, seq_len INTEGER, tokens INTEGER, step_ms REAL,
  PRIMARY KEY(run_id, step)) STRICT;
CREATE TABLE IF NOT EXISTS loss_terms(
  run_id TEXT NOT NULL REFERENCES runs(run_id), step INTEGER NOT NULL, term TEXT NOT NULL,
  value REAL, PRIMARY KEY(run_id, step, term)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS evaluations(
  run_id TEXT NOT NULL REFERENCES runs(run_id), step INTEGER NOT NULL, data TEXT NOT NULL,
  timestamp TEXT, loss REAL, tokens INTEGER, seconds REAL,
  PRIMARY KEY(run_id, step, data)) STRICT;
CREATE TABLE IF NOT EXISTS environments(
  run_id TEXT NOT NULL REFERENCES runs(run_id), start_step INTEGER NOT NULL, key TEXT NOT NULL,
  value TEXT, PRIMARY KEY(run_id, start_step, key)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS steps_model ON steps(model_id, step);
CREATE INDEX IF NOT EXISTS runs_model ON runs(model_id);
PRAGMA user_version=1;
)sql";
constexpr int64_t kSchemaVersion = 1;

std::optional<double> Term(const StepRow& row, absl::string_view name) {
  for (const auto& [term, value] : row.losses) {
    if (term == name) return value;
  }
  return std::nullopt;
}

// 0 stands for "unset", as in training.md section 21.
double Move(double average, double decay, double value) {
  return average == 0 ? value : decay * average + (1 - decay) * value;
}

}  // namespace

absl::StatusOr<MetricsDatabase> MetricsDatabase::Open(const std::string& path) {
  HYDRA_ASSIGN_OR_RETURN(Database database, Database::Open(path, Database::Mode::kCreate));
  {
    HYDRA_ASSIGN_OR_RETURN(Statement version, database.Prepare("PRAGMA user_version"));
    HYDRA_ASSIGN_OR_RETURN(const bool row, version.Step());
    if (row && version.Integer(0) > kSchemaVersion) {
      return InputError(absl::StrCat(path, ": metrics schema version ", version.Integer(0),
                                     ", this program knows versions up to ", kSchemaVersion,
                                     "; use a newer hydra-run or another --out directory"));
    }
  }
  HYDRA_RETURN_IF_ERROR(database.Execute(kSchema));
  return MetricsDatabase(std::move(database));
}

absl::Status MetricsDatabase::BeginRun(const RunInfo& info) {
  run_id_ = info.run_id;
  model_id_ = info.model_id;
  HYDRA_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Start(database_));
  HYDRA_ASSIGN_OR_RETURN(
      Statement model,
      database_.Prepare("INSERT OR IGNORE INTO models(model_id, name, params_millions, "
                        "architecture_json) VALUES(?,?,?,?)"));
  HYDRA_RETURN_IF_ERROR(model.Bind(1, absl::string_view(info.model_id))
                            .Bind(2, absl::string_view(info.model_id))
                            .Bind(3, info.params_millions)
                            .Bind(4, absl::string_view(info.architecture_json))
                            .Run());
  HYDRA_ASSIGN_OR_RETURN(
      Statement run,
      database_.Prepare(
          "INSERT INTO runs(run_id, model_id, start_step, start_time, config_json) "
          "VALUES(?,?,?,?,?) ON CONFLICT(run_id) DO UPDATE SET end_step=NULL, end_time=NULL, "
          "config_json=excluded.config_json"));
  HYDRA_RETURN_IF_ERROR(run.Bind(1, absl::string_view(run_id_))
                            .Bind(2, absl::string_view(model_id_))
                            .Bind(3, info.start_step)
                            .Bind(4, absl::string_view(UtcTimestamp()))
                            .Bind(5, absl::string_view(info.config_json))
                            .Run());
  for (const absl::string_view table : {"steps", "loss_terms", "evaluations"}) {
    HYDRA_ASSIGN_OR_RETURN(
        Statement remove,
        database_.Prepare(absl::StrCat("DELETE FROM ", table, " WHERE run_id=? AND step>?")));
    HYDRA_RETURN_IF_ERROR(
        remove.Bind(1, absl::string_view(run_id_)).Bind(2, info.start_step).Run());
  }
  HYDRA_ASSIGN_OR_RETURN(Statement fact,
                         database_.Prepare("INSERT OR REPLACE INTO environments VALUES(?,?,?,?)"));
  for (const auto& [key, value] : info.environment) {
    HYDRA_RETURN_IF_ERROR(fact.Bind(1, absl::string_view(run_id_))
                              .Bind(2, info.start_step)
                              .Bind(3, absl::string_view(key))
                              .Bind(4, absl::string_view(value))
                              .Run());
  }
  HYDRA_RETURN_IF_ERROR(transaction.Commit());
  return LoadAverages();
}

absl::Status MetricsDatabase::LoadAverages() {
  averages_ = {};
  HYDRA_ASSIGN_OR_RETURN(Statement last,
                         database_.Prepare("SELECT ema_short, ema_medium, ema_long FROM steps "
                                           "WHERE run_id=? ORDER BY step DESC LIMIT 1"));
  last.Bind(1, absl::string_view(run_id_));
  HYDRA_ASSIGN_OR_RETURN(const bool found, last.Step());
  if (found) averages_ = {last.Real(0), last.Real(1), last.Real(2)};
  return absl::OkStatus();
}

absl::Status MetricsDatabase::RecordStep(const StepRow& row) {
  if (const std::optional<double> total = Term(row, "total")) {
    averages_.short_term = Move(averages_.short_term, 0.99, *total);
    averages_.medium_term = Move(averages_.medium_term, 0.999, *total);
    averages_.long_term = Move(averages_.long_term, 0.9999, *total);
  }
  HYDRA_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Start(database_));
  HYDRA_ASSIGN_OR_RETURN(
      Statement insert,
      database_.Prepare("INSERT OR REPLACE INTO steps(run_id, step, model_id, timestamp, "
                        "loss_total, loss_ce, loss_aux, loss_ponder, loss_advantage, lr, "
                        "grad_norm, grad_norm_pre_clip, ema_short, ema_medium, ema_long, "
                        "tokens_per_sec, batch_size, seq_len, tokens, step_ms) "
                        "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"));
  HYDRA_RETURN_IF_ERROR(insert.Bind(1, absl::string_view(run_id_))
                            .Bind(2, row.step)
                            .Bind(3, absl::string_view(model_id_))
                            .Bind(4, absl::string_view(UtcTimestamp()))
                            .Bind(5, Term(row, "total"))
                            .Bind(6, Term(row, "ce"))
                            .Bind(7, Term(row, "aux"))
                            .Bind(8, Term(row, "ponder"))
                            .Bind(9, Term(row, "advantage"))
                            .Bind(10, row.lr)
                            .Bind(11, row.grad_norm)
                            .Bind(12, row.grad_norm_pre_clip)
                            .Bind(13, averages_.short_term)
                            .Bind(14, averages_.medium_term)
                            .Bind(15, averages_.long_term)
                            .Bind(16, row.tokens_per_second)
                            .Bind(17, row.batch_size)
                            .Bind(18, row.seq_len)
                            .Bind(19, row.tokens)
                            .Bind(20, row.step_milliseconds)
                            .Run());
  HYDRA_ASSIGN_OR_RETURN(Statement term,
                         database_.Prepare("INSERT OR REPLACE INTO loss_terms VALUES(?,?,?,?)"));
  for (const auto& [name, value] : row.losses) {
    HYDRA_RETURN_IF_ERROR(term.Bind(1, absl::string_view(run_id_))
                              .Bind(2, row.step)
                              .Bind(3, absl::string_view(name))
                              .Bind(4, value)
                              .Run());
  }
  return transaction.Commit();
}

absl::Status MetricsDatabase::RecordEvaluation(const EvaluationRow& row) {
  HYDRA_ASSIGN_OR_RETURN(
      Statement insert,
      database_.Prepare("INSERT OR REPLACE INTO evaluations VALUES(?,?,?,?,?,?,?)"));
  return insert.Bind(1, absl::string_view(run_id_))
      .Bind(2, row.step)
      .Bind(3, absl::string_view(row.data))
      .Bind(4, absl::string_view(UtcTimestamp()))
      .Bind(5, row.loss)
      .Bind(6, row.tokens)
      .Bind(7, row.seconds)
      .Run();
}

absl::Status MetricsDatabase::EndRun() {
  HYDRA_ASSIGN_OR_RETURN(
      Statement update,
      database_.Prepare(
          "UPDATE runs SET end_time=?2, "
          "end_step=(SELECT max(step) FROM steps WHERE run_id=?1), "
          "total_tokens=(SELECT sum(tokens) FROM steps WHERE run_id=?1), "
          "best_loss=(SELECT min(loss_total) FROM steps WHERE run_id=?1), "
          "best_loss_step=(SELECT step FROM steps WHERE run_id=?1 AND loss_total IS NOT NULL "
          "ORDER BY loss_total, step LIMIT 1) WHERE run_id=?1"));
  return update.Bind(1, absl::string_view(run_id_))
      .Bind(2, absl::string_view(UtcTimestamp()))
      .Run();
}

}  // namespace hydra::metrics
