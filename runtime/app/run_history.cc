#include "runtime/app/run_history.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include "absl/strings/str_cat.h"
#include "runtime/io/json_file.h"
#include "runtime/metrics/sqlite.h"

namespace hydra::app {
namespace {

using metrics::Database;
using metrics::Statement;

double RealOrNan(const Statement& row, int column) {
  return row.IsNull(column) ? std::numeric_limits<double>::quiet_NaN() : row.Real(column);
}

absl::Status ReadRun(Database& database, RunHistory& history) {
  // Attempts that were set aside are called RUN~N.
  HYDRA_ASSIGN_OR_RETURN(
      Statement run,
      database.Prepare("SELECT r.run_id, r.model_id, r.start_time, r.end_time, r.total_tokens, "
                       "r.config_json, m.params_millions FROM runs r LEFT JOIN models m "
                       "ON m.model_id = r.model_id WHERE instr(r.run_id, '~') = 0 "
                       "ORDER BY (SELECT max(rowid) FROM steps s WHERE s.run_id = r.run_id) DESC "
                       "LIMIT 1"));
  HYDRA_ASSIGN_OR_RETURN(const bool found, run.Step());
  if (!found) return InputError("it has no run");
  history.run_id = run.Text(0);
  history.model = run.Text(1);
  history.start_time = run.Text(2);
  history.end_time = run.IsNull(3) ? "" : run.Text(3);
  history.tokens = run.Integer(4);
  history.parameters_millions = run.Real(6);
  HYDRA_ASSIGN_OR_RETURN(const JsonDocument settings, JsonDocument::Parse(run.Text(5), "settings"));
  HYDRA_ASSIGN_OR_RETURN(const auto members, settings.root().Object());
  for (const auto& [key, value] : members) {
    history.settings[std::string(key)] = std::string(value.String().value_or(""));
  }
  HYDRA_ASSIGN_OR_RETURN(Statement facts,
                         database.Prepare("SELECT key, value FROM environments WHERE run_id = ? "
                                          "ORDER BY start_step"));
  facts.Bind(1, absl::string_view(history.run_id));
  while (true) {
    HYDRA_ASSIGN_OR_RETURN(const bool more, facts.Step());
    if (!more) return absl::OkStatus();
    history.environment[facts.Text(0)] = facts.Text(1);
  }
}

// A moving average without a bias towards its start; it passes over what is not finite.
StepSeries AverageOf(const StepSeries& series) {
  const double keep = 1 - 1 / std::max(5.0, static_cast<double>(series.size()) / 40);
  double sum = 0, weight = 0;
  StepSeries average;
  for (const auto& [step, value] : series) {
    if (std::isfinite(value)) {
      sum = keep * sum + value;
      weight = keep * weight + 1;
    }
    average.emplace_back(step, weight > 0 ? sum / weight : value);
  }
  return average;
}

absl::Status ReadSteps(Database& database, RunHistory& history) {
  HYDRA_ASSIGN_OR_RETURN(
      Statement steps,
      database.Prepare("SELECT step, loss_total, lr, grad_norm_pre_clip, grad_norm, "
                       "tokens_per_sec, step_ms FROM steps WHERE run_id = ? ORDER BY step"));
  steps.Bind(1, absl::string_view(history.run_id));
  StepSeries* const series[] = {&history.loss,
                                &history.rate,
                                &history.norm,
                                &history.norm_clipped,
                                &history.tokens_per_second,
                                &history.step_milliseconds};
  while (true) {
    HYDRA_ASSIGN_OR_RETURN(const bool more, steps.Step());
    if (!more) break;
    history.last_step = steps.Integer(0);
    for (int i = 0; i < static_cast<int>(std::size(series)); ++i) {
      series[i]->emplace_back(history.last_step, RealOrNan(steps, i + 1));
    }
  }
  if (history.loss.empty()) return InputError("it has no step yet");
  history.loss_average = AverageOf(history.loss);
  return absl::OkStatus();
}

// Runs a query with columns step, name, value for the run.
template <typename Take>
absl::Status ForEachRow(Database& database, const RunHistory& history, const char* sql,
                        const Take& take) {
  HYDRA_ASSIGN_OR_RETURN(Statement rows, database.Prepare(sql));
  rows.Bind(1, absl::string_view(history.run_id));
  while (true) {
    HYDRA_ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) return absl::OkStatus();
    take(rows);
  }
}

// A database of an earlier version may lack the table.
absl::StatusOr<bool> HasTable(Database& database, absl::string_view name) {
  HYDRA_ASSIGN_OR_RETURN(Statement table,
                         database.Prepare("SELECT 1 FROM sqlite_master WHERE name = ?"));
  table.Bind(1, name);
  return table.Step();
}

absl::Status ReadFields(Database& database, RunHistory& history) {
  HYDRA_RETURN_IF_ERROR(ForEachRow(
      database, history,
      "SELECT step, term, value FROM loss_terms WHERE run_id = ? AND term <> 'total' ORDER BY step",
      [&](const Statement& row) {
        history.terms[row.Text(1)].emplace_back(row.Integer(0), RealOrNan(row, 2));
      }));
  HYDRA_RETURN_IF_ERROR(ForEachRow(
      database, history, "SELECT step, data, loss FROM evaluations WHERE run_id = ? ORDER BY step",
      [&](const Statement& row) {
        history.evaluations[row.Text(1)].emplace_back(row.Integer(0), RealOrNan(row, 2));
      }));
  HYDRA_ASSIGN_OR_RETURN(const bool fields, HasTable(database, "record_fields"));
  if (fields) {
    HYDRA_RETURN_IF_ERROR(
        ForEachRow(database, history,
                   "SELECT step, field, value FROM record_fields WHERE run_id = ? AND element = 0 "
                   "ORDER BY step",
                   [&](const Statement& row) {
                     history.scalars[row.Text(1)].emplace_back(row.Integer(0), RealOrNan(row, 2));
                   }));
  }
  HYDRA_ASSIGN_OR_RETURN(const bool routing, HasTable(database, "routing_tokens"));
  if (!routing) return absl::OkStatus();
  return ForEachRow(
      database, history,
      "SELECT step, router || '.' || layer, tokens, part FROM routing_tokens WHERE run_id = ? "
      "ORDER BY step",
      [&](const Statement& row) {
        std::vector<StepSeries>& parts = history.routing[row.Text(1)];
        const size_t part = static_cast<size_t>(std::clamp<int64_t>(row.Integer(3), 0, 4096));
        if (parts.size() <= part) parts.resize(part + 1);
        parts[part].emplace_back(row.Integer(0), RealOrNan(row, 2));
      });
}

}  // namespace

absl::StatusOr<RunHistory> ReadHistory(const std::string& run) {
  const std::string path = (std::filesystem::path(run) / "training.db").string();
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return InputError(absl::StrCat(
        run, ": expected the directory of a run, which has a training.db, found none"));
  }
  HYDRA_ASSIGN_OR_RETURN(Database database, Database::Open(path, Database::Mode::kReadOnly));
  RunHistory history;
  history.directory = run;
  for (const auto read : {ReadRun, ReadSteps, ReadFields}) {
    HYDRA_RETURN_IF_ERROR(Annotate(read(database, history), path));
  }
  return history;
}

}  // namespace hydra::app
