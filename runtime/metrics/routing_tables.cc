#include "runtime/metrics/routing_tables.h"

#include <utility>

namespace hydra::metrics {

namespace {

// `part` is a pass (mod: tokens whose MLP runs in it; mor: tokens that make it) or an expert.
constexpr char kSchema[] = R"sql(
CREATE TABLE IF NOT EXISTS routing_mod(
  run_id TEXT NOT NULL REFERENCES runs(run_id), step INTEGER NOT NULL, model_id TEXT NOT NULL,
  layer INTEGER NOT NULL, selected_frac REAL, compute_savings_pct REAL, probs_mean REAL,
  probs_std REAL, capacity REAL, status TEXT,
  PRIMARY KEY(run_id, step, layer)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS routing_mor(
  run_id TEXT NOT NULL REFERENCES runs(run_id), step INTEGER NOT NULL, model_id TEXT NOT NULL,
  layer INTEGER NOT NULL, avg_depth REAL, expected_depth REAL, router_probs_mean REAL,
  min_depth INTEGER, status TEXT,
  PRIMARY KEY(run_id, step, layer)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS routing_moe(
  run_id TEXT NOT NULL REFERENCES runs(run_id), step INTEGER NOT NULL, model_id TEXT NOT NULL,
  layer INTEGER NOT NULL, entropy REAL, divergence REAL, status TEXT,
  PRIMARY KEY(run_id, step, layer)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS routing_tokens(
  run_id TEXT NOT NULL REFERENCES runs(run_id), step INTEGER NOT NULL, router TEXT NOT NULL,
  layer INTEGER NOT NULL, part INTEGER NOT NULL, tokens INTEGER,
  PRIMARY KEY(run_id, step, router, layer, part)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS routing_work(
  run_id TEXT NOT NULL REFERENCES runs(run_id), step INTEGER NOT NULL, mlp_flops REAL,
  mlp_flops_fixed_depth REAL, PRIMARY KEY(run_id, step)) STRICT, WITHOUT ROWID;
)sql";

}  // namespace

const char* RoutingTables::Schema() { return kSchema; }

absl::StatusOr<RoutingTables> RoutingTables::Prepare(Database& database) {
  HYDRA_ASSIGN_OR_RETURN(
      Statement mod,
      database.Prepare("INSERT OR REPLACE INTO routing_mod VALUES(?,?,?,?,?,?,?,?,?,?)"));
  HYDRA_ASSIGN_OR_RETURN(
      Statement mor,
      database.Prepare("INSERT OR REPLACE INTO routing_mor VALUES(?,?,?,?,?,?,?,?,?)"));
  HYDRA_ASSIGN_OR_RETURN(
      Statement moe, database.Prepare("INSERT OR REPLACE INTO routing_moe VALUES(?,?,?,?,?,?,?)"));
  HYDRA_ASSIGN_OR_RETURN(
      Statement tokens,
      database.Prepare("INSERT OR REPLACE INTO routing_tokens VALUES(?,?,?,?,?,?)"));
  HYDRA_ASSIGN_OR_RETURN(Statement work,
                         database.Prepare("INSERT OR REPLACE INTO routing_work VALUES(?,?,?,?)"));
  return RoutingTables(std::move(mod), std::move(mor), std::move(moe), std::move(tokens),
                       std::move(work));
}

absl::Status RoutingTables::SetAside(Database& database, const std::string& run,
                                     const std::string& aside, int64_t start_step) {
  for (const char* table :
       {"routing_mod", "routing_mor", "routing_moe", "routing_tokens", "routing_work"}) {
    HYDRA_ASSIGN_OR_RETURN(Statement move,
                           database.Prepare(absl::StrCat(
                               "UPDATE ", table, " SET run_id=?2 WHERE run_id=?1 AND step>?3")));
    HYDRA_RETURN_IF_ERROR(move.Bind(1, absl::string_view(run))
                              .Bind(2, absl::string_view(aside))
                              .Bind(3, start_step)
                              .Run());
  }
  return absl::OkStatus();
}

absl::Status RoutingTables::RecordTokens(absl::string_view run, int64_t step,
                                         absl::string_view router, int64_t layer,
                                         absl::Span<const int64_t> tokens) {
  for (size_t part = 0; part < tokens.size(); ++part) {
    HYDRA_RETURN_IF_ERROR(tokens_.Bind(1, run)
                              .Bind(2, step)
                              .Bind(3, router)
                              .Bind(4, layer)
                              .Bind(5, static_cast<int64_t>(part))
                              .Bind(6, tokens[part])
                              .Run());
  }
  return absl::OkStatus();
}

absl::Status RoutingTables::Record(absl::string_view run, absl::string_view model, int64_t step,
                                   const RoutingRows& rows) {
  for (const ModRow& row : rows.mod) {
    HYDRA_RETURN_IF_ERROR(mod_.Bind(1, run)
                              .Bind(2, step)
                              .Bind(3, model)
                              .Bind(4, row.layer)
                              .Bind(5, row.selected_frac)
                              .Bind(6, row.compute_savings_pct)
                              .Bind(7, row.probs_mean)
                              .Bind(8, row.probs_std)
                              .Bind(9, row.capacity)
                              .Bind(10, absl::string_view(row.Status()))
                              .Run());
    HYDRA_RETURN_IF_ERROR(RecordTokens(run, step, "mod", row.layer, row.tokens));
  }
  for (const MorRow& row : rows.mor) {
    HYDRA_RETURN_IF_ERROR(mor_.Bind(1, run)
                              .Bind(2, step)
                              .Bind(3, model)
                              .Bind(4, row.layer)
                              .Bind(5, row.avg_depth)
                              .Bind(6, row.expected_depth)
                              .Bind(7, row.router_probs_mean)
                              .Bind(8, row.min_depth)
                              .Bind(9, absl::string_view(row.Status()))
                              .Run());
    HYDRA_RETURN_IF_ERROR(RecordTokens(run, step, "mor", row.layer, row.tokens));
  }
  for (const MoeRow& row : rows.moe) {
    HYDRA_RETURN_IF_ERROR(moe_.Bind(1, run)
                              .Bind(2, step)
                              .Bind(3, model)
                              .Bind(4, row.layer)
                              .Bind(5, row.entropy)
                              .Bind(6, row.divergence)
                              .Bind(7, absl::string_view(row.Status()))
                              .Run());
    HYDRA_RETURN_IF_ERROR(RecordTokens(run, step, "moe", row.layer, row.tokens));
  }
  if (rows.mlp_flops_fixed_depth == 0) return absl::OkStatus();
  return work_.Bind(1, run)
      .Bind(2, step)
      .Bind(3, rows.mlp_flops)
      .Bind(4, rows.mlp_flops_fixed_depth)
      .Run();
}

}  // namespace hydra::metrics
