#include "runtime/metrics/metrics_database.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <variant>

#include "runtime/metrics/timestamp.h"

namespace hydra::metrics {
namespace {

// Tables of training.md section 21 that plain training fills, keyed by run as its [T] rule says,
// and what it adds: loss terms by name, the other fields of the step record, evaluations, samples,
// and the environment of every start.
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
CREATE TABLE IF NOT EXISTS record_fields(
  run_id TEXT NOT NULL REFERENCES runs(run_id), step INTEGER NOT NULL, field TEXT NOT NULL,
  element INTEGER NOT NULL, value REAL,
  PRIMARY KEY(run_id, step, field, element)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS evaluations(
  run_id TEXT NOT NULL REFERENCES runs(run_id), step INTEGER NOT NULL, data TEXT NOT NULL,
  timestamp TEXT, loss REAL, tokens INTEGER, seconds REAL,
  PRIMARY KEY(run_id, step, data)) STRICT;
CREATE TABLE IF NOT EXISTS samples(
  run_id TEXT NOT NULL REFERENCES runs(run_id), step INTEGER NOT NULL, prompt TEXT NOT NULL,
  timestamp TEXT, text TEXT, PRIMARY KEY(run_id, step, prompt)) STRICT;
CREATE TABLE IF NOT EXISTS environments(
  run_id TEXT NOT NULL REFERENCES runs(run_id), start_step INTEGER NOT NULL, key TEXT NOT NULL,
  value TEXT, PRIMARY KEY(run_id, start_step, key)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS steps_model ON steps(model_id, step);
CREATE INDEX IF NOT EXISTS runs_model ON runs(model_id);
PRAGMA user_version=3;
)sql";
constexpr int64_t kSchemaVersion = 3;  // 2: routing_tables.h; 3: samples

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

absl::string_view View(const std::string& text) { return text; }

void Add(const StepRow& row, RunTotals& totals) {
  totals.end_step = std::max(totals.end_step, row.step);
  totals.tokens += row.tokens;
  const std::optional<double> total = Term(row, "total");
  if (!total || !std::isfinite(*total)) return;
  totals.ema_short = Move(totals.ema_short, 0.99, *total);
  totals.ema_medium = Move(totals.ema_medium, 0.999, *total);
  totals.ema_long = Move(totals.ema_long, 0.9999, *total);
  if (totals.best_loss && *totals.best_loss <= *total) return;
  totals.best_loss = total;
  totals.best_loss_step = row.step;
}

}  // namespace

absl::StatusOr<MetricsDatabase> MetricsDatabase::Open(const std::string& path,
                                                      int busy_milliseconds) {
  HYDRA_ASSIGN_OR_RETURN(Database database,
                         Database::Open(path, Database::Mode::kCreate, busy_milliseconds));
  {
    HYDRA_ASSIGN_OR_RETURN(Statement version, database.Prepare("PRAGMA user_version"));
    HYDRA_ASSIGN_OR_RETURN(const bool row, version.Step());
    if (row && version.Integer(0) > kSchemaVersion) {
      return InputError(absl::StrCat(path, ": metrics schema version ", version.Integer(0),
                                     ", this program knows versions up to ", kSchemaVersion,
                                     "; use a newer hydra-run or another --out directory"));
    }
  }
  HYDRA_RETURN_IF_ERROR(database.Execute(RoutingTables::Schema()));
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
  HYDRA_RETURN_IF_ERROR(model.Bind(1, View(info.model_id))
                            .Bind(2, View(info.model_id))
                            .Bind(3, info.params_millions)
                            .Bind(4, View(info.architecture_json))
                            .Run());
  HYDRA_RETURN_IF_ERROR(SetLaterRowsAside(info.start_step));
  HYDRA_ASSIGN_OR_RETURN(
      Statement run,
      database_.Prepare("INSERT INTO runs(run_id, model_id, start_step, start_time, config_json) "
                        "VALUES(?,?,?,?,?) ON CONFLICT(run_id) DO UPDATE SET end_time=NULL, "
                        "config_json=excluded.config_json"));
  HYDRA_RETURN_IF_ERROR(run.Bind(1, View(run_id_))
                            .Bind(2, View(model_id_))
                            .Bind(3, info.start_step)
                            .Bind(4, View(UtcTimestamp()))
                            .Bind(5, View(info.config_json))
                            .Run());
  HYDRA_ASSIGN_OR_RETURN(Statement fact,
                         database_.Prepare("INSERT OR REPLACE INTO environments VALUES(?,?,?,?)"));
  for (const auto& [key, value] : info.environment) {
    HYDRA_RETURN_IF_ERROR(fact.Bind(1, View(run_id_))
                              .Bind(2, info.start_step)
                              .Bind(3, View(key))
                              .Bind(4, View(value))
                              .Run());
  }
  HYDRA_RETURN_IF_ERROR(PrepareStatements());
  HYDRA_RETURN_IF_ERROR(LoadTotals());
  HYDRA_RETURN_IF_ERROR(WriteTotals(totals_));
  return transaction.Commit();
}

// They belong to an attempt that went on after its last checkpoint, or to an equal run: neither may
// lose them, and neither are they this attempt's.
absl::Status MetricsDatabase::SetLaterRowsAside(int64_t start_step) {
  HYDRA_ASSIGN_OR_RETURN(
      Statement found,
      database_.Prepare("SELECT (SELECT count(*) FROM steps WHERE run_id=?1 AND step>?2) + "
                        "(SELECT count(*) FROM evaluations WHERE run_id=?1 AND step>?2), "
                        "(SELECT count(*) FROM runs WHERE substr(run_id, 1, length(?1) + 1) = "
                        "?1 || '~')"));
  found.Bind(1, View(run_id_)).Bind(2, start_step);
  HYDRA_ASSIGN_OR_RETURN(const bool row, found.Step());
  if (!row || found.Integer(0) == 0) return absl::OkStatus();
  const std::string aside = absl::StrCat(run_id_, "~", found.Integer(1) + 1);
  found.Reset();
  for (const char* sql :
       {// The end of an attempt that was broken off is the time of its last row.
        "INSERT INTO runs(run_id, model_id, start_step, start_time, config_json, end_step, "
        "end_time, total_tokens, best_loss, best_loss_step) "
        "SELECT ?2, model_id, ?3, start_time, config_json, "
        "(SELECT max(step) FROM steps WHERE run_id=?1 AND step>?3), "
        "(SELECT max(timestamp) FROM steps WHERE run_id=?1 AND step>?3), "
        "(SELECT sum(tokens) FROM steps WHERE run_id=?1 AND step>?3), "
        "(SELECT min(loss_total) FROM steps WHERE run_id=?1 AND step>?3), "
        "(SELECT step FROM steps WHERE run_id=?1 AND step>?3 AND loss_total IS NOT NULL "
        "ORDER BY loss_total, step LIMIT 1) FROM runs WHERE run_id=?1",
        "UPDATE steps SET run_id=?2 WHERE run_id=?1 AND step>?3",
        "UPDATE loss_terms SET run_id=?2 WHERE run_id=?1 AND step>?3",
        "UPDATE record_fields SET run_id=?2 WHERE run_id=?1 AND step>?3",
        "UPDATE evaluations SET run_id=?2 WHERE run_id=?1 AND step>?3",
        "UPDATE samples SET run_id=?2 WHERE run_id=?1 AND step>?3",
        "UPDATE environments SET run_id=?2 WHERE run_id=?1 AND start_step>=?3"}) {
    HYDRA_ASSIGN_OR_RETURN(Statement move, database_.Prepare(sql));
    HYDRA_RETURN_IF_ERROR(
        move.Bind(1, View(run_id_)).Bind(2, View(aside)).Bind(3, start_step).Run());
  }
  return RoutingTables::SetAside(database_, run_id_, aside, start_step);
}

absl::Status MetricsDatabase::LoadTotals() {
  totals_ = {};
  HYDRA_ASSIGN_OR_RETURN(
      Statement last, database_.Prepare("SELECT ema_short, ema_medium, ema_long, step FROM steps "
                                        "WHERE run_id=? ORDER BY step DESC LIMIT 1"));
  last.Bind(1, View(run_id_));
  HYDRA_ASSIGN_OR_RETURN(const bool found, last.Step());
  if (!found) return absl::OkStatus();
  totals_ = {.ema_short = last.Real(0),
             .ema_medium = last.Real(1),
             .ema_long = last.Real(2),
             .end_step = last.Integer(3),
             .best_loss = std::nullopt};
  HYDRA_ASSIGN_OR_RETURN(Statement tokens,
                         database_.Prepare("SELECT sum(tokens) FROM steps WHERE run_id=?"));
  tokens.Bind(1, View(run_id_));
  HYDRA_RETURN_IF_ERROR(tokens.Step().status());
  totals_.tokens = tokens.Integer(0);
  HYDRA_ASSIGN_OR_RETURN(
      Statement best,
      database_.Prepare("SELECT loss_total, step FROM steps WHERE run_id=? AND loss_total IS NOT "
                        "NULL ORDER BY loss_total, step LIMIT 1"));
  best.Bind(1, View(run_id_));
  HYDRA_ASSIGN_OR_RETURN(const bool any, best.Step());
  if (!any) return absl::OkStatus();
  totals_.best_loss = best.Real(0);
  totals_.best_loss_step = best.Integer(1);
  return absl::OkStatus();
}

absl::Status MetricsDatabase::PrepareStatements() {
  HYDRA_ASSIGN_OR_RETURN(
      Statement step,
      database_.Prepare("INSERT OR REPLACE INTO steps(run_id, step, model_id, timestamp, "
                        "loss_total, loss_ce, loss_aux, loss_ponder, loss_advantage, lr, "
                        "grad_norm, grad_norm_pre_clip, ema_short, ema_medium, ema_long, "
                        "tokens_per_sec, batch_size, seq_len, tokens, step_ms) "
                        "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"));
  HYDRA_ASSIGN_OR_RETURN(Statement term,
                         database_.Prepare("INSERT OR REPLACE INTO loss_terms VALUES(?,?,?,?)"));
  HYDRA_ASSIGN_OR_RETURN(
      Statement field, database_.Prepare("INSERT OR REPLACE INTO record_fields VALUES(?,?,?,?,?)"));
  HYDRA_ASSIGN_OR_RETURN(
      Statement evaluation,
      database_.Prepare("INSERT OR REPLACE INTO evaluations VALUES(?,?,?,?,?,?,?)"));
  HYDRA_ASSIGN_OR_RETURN(Statement sample,
                         database_.Prepare("INSERT OR REPLACE INTO samples VALUES(?,?,?,?,?)"));
  HYDRA_ASSIGN_OR_RETURN(
      Statement totals,
      database_.Prepare("UPDATE runs SET end_step=?2, total_tokens=?3, best_loss=?4, "
                        "best_loss_step=?5 WHERE run_id=?1"));
  statements_.emplace(Statements{std::move(step), std::move(term), std::move(field),
                                 std::move(evaluation), std::move(sample), std::move(totals)});
  HYDRA_ASSIGN_OR_RETURN(RoutingTables routing, RoutingTables::Prepare(database_));
  routing_.emplace(std::move(routing));
  return absl::OkStatus();
}

absl::Status MetricsDatabase::RecordStep(const StepRow& row, RunTotals& totals) {
  Add(row, totals);
  HYDRA_RETURN_IF_ERROR(statements_->step.Bind(1, View(run_id_))
                            .Bind(2, row.step)
                            .Bind(3, View(model_id_))
                            .Bind(4, View(row.time))
                            .Bind(5, Term(row, "total"))
                            .Bind(6, Term(row, "ce"))
                            .Bind(7, Term(row, "aux"))
                            .Bind(8, Term(row, "ponder"))
                            .Bind(9, Term(row, "advantage"))
                            .Bind(10, row.lr)
                            .Bind(11, row.grad_norm)
                            .Bind(12, row.grad_norm_pre_clip)
                            .Bind(13, totals.ema_short)
                            .Bind(14, totals.ema_medium)
                            .Bind(15, totals.ema_long)
                            .Bind(16, row.tokens_per_second)
                            .Bind(17, row.batch_size)
                            .Bind(18, row.seq_len)
                            .Bind(19, row.tokens)
                            .Bind(20, row.step_milliseconds)
                            .Run());
  for (const auto& [name, value] : row.losses) {
    HYDRA_RETURN_IF_ERROR(statements_->term.Bind(1, View(run_id_))
                              .Bind(2, row.step)
                              .Bind(3, View(name))
                              .Bind(4, value)
                              .Run());
  }
  HYDRA_RETURN_IF_ERROR(routing_->Record(run_id_, model_id_, row.step, row.routing));
  return RecordFields(row);
}

absl::Status MetricsDatabase::RecordFields(const StepRow& row) {
  const auto record = [&](absl::string_view field, size_t element, double value) {
    return statements_->field.Bind(1, View(run_id_))
        .Bind(2, row.step)
        .Bind(3, field)
        .Bind(4, static_cast<int64_t>(element))
        .Bind(5, value)
        .Run();
  };
  for (const auto& [name, values] : row.record) {
    for (size_t i = 0; i < values.size(); ++i) {
      HYDRA_RETURN_IF_ERROR(record(name, i, values[i]));
    }
  }
  return absl::OkStatus();
}

absl::Status MetricsDatabase::RecordEvaluation(const EvaluationRow& row) {
  return statements_->evaluation.Bind(1, View(run_id_))
      .Bind(2, row.step)
      .Bind(3, View(row.data))
      .Bind(4, View(row.time))
      .Bind(5, row.loss)
      .Bind(6, row.tokens)
      .Bind(7, row.seconds)
      .Run();
}

absl::Status MetricsDatabase::RecordSample(const SampleRow& row) {
  return statements_->sample.Bind(1, View(run_id_))
      .Bind(2, row.step)
      .Bind(3, View(row.prompt))
      .Bind(4, View(row.time))
      .Bind(5, View(row.text))
      .Run();
}

absl::Status MetricsDatabase::WriteTotals(const RunTotals& totals) {
  statements_->totals.Bind(1, View(run_id_));
  if (totals.end_step == 0) {
    statements_->totals.BindNull(2).BindNull(3).BindNull(4).BindNull(5);
  } else {
    statements_->totals.Bind(2, totals.end_step)
        .Bind(3, totals.tokens)
        .Bind(4, totals.best_loss)
        .Bind(5, totals.best_loss ? std::optional(totals.best_loss_step) : std::nullopt);
  }
  return statements_->totals.Run();
}

absl::Status MetricsDatabase::Record(absl::Span<const Row> rows) {
  HYDRA_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Start(database_));
  RunTotals totals = totals_;
  for (const Row& row : rows) {
    if (const auto* step = std::get_if<StepRow>(&row)) {
      HYDRA_RETURN_IF_ERROR(RecordStep(*step, totals));
    } else if (const auto* evaluation = std::get_if<EvaluationRow>(&row)) {
      HYDRA_RETURN_IF_ERROR(RecordEvaluation(*evaluation));
    } else {
      HYDRA_RETURN_IF_ERROR(RecordSample(std::get<SampleRow>(row)));
    }
  }
  HYDRA_RETURN_IF_ERROR(WriteTotals(totals));
  HYDRA_RETURN_IF_ERROR(transaction.Commit());
  totals_ = totals;
  return absl::OkStatus();
}

absl::StatusOr<int64_t> MetricsDatabase::StepCount() {
  HYDRA_ASSIGN_OR_RETURN(Statement count,
                         database_.Prepare("SELECT count(*) FROM steps WHERE run_id=?"));
  count.Bind(1, View(run_id_));
  HYDRA_RETURN_IF_ERROR(count.Step().status());
  return count.Integer(0);
}

absl::Status MetricsDatabase::EndRun() {
  HYDRA_ASSIGN_OR_RETURN(Statement update,
                         database_.Prepare("UPDATE runs SET end_time=?2 WHERE run_id=?1"));
  HYDRA_RETURN_IF_ERROR(update.Bind(1, View(run_id_)).Bind(2, View(UtcTimestamp())).Run());
  HYDRA_ASSIGN_OR_RETURN(Statement check, database_.Prepare("PRAGMA quick_check(1)"));
  HYDRA_ASSIGN_OR_RETURN(const bool row, check.Step());
  const std::string found = row ? check.Text(0) : "nothing";
  if (found != "ok") return InputError(absl::StrCat("the database is damaged: ", found));
  return absl::OkStatus();
}

}  // namespace hydra::metrics
