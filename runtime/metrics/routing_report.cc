#include "runtime/metrics/routing_report.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/metrics/sqlite.h"

namespace hydra::metrics {
namespace {

// By router, layer and part: tokens, per step range.
using Place = std::tuple<std::string, int64_t, int64_t>;

class Reader {
 public:
  Reader(Database database, const RoutingQuery& query)
      : database_(std::move(database)), query_(query) {}

  absl::StatusOr<RoutingReport> Read() {
    HYDRA_RETURN_IF_ERROR(CheckTables());
    HYDRA_RETURN_IF_ERROR(ChooseRun());
    HYDRA_RETURN_IF_ERROR(ChooseSteps());
    HYDRA_RETURN_IF_ERROR(ReadMod());
    HYDRA_RETURN_IF_ERROR(ReadMor());
    HYDRA_RETURN_IF_ERROR(ReadMoe());
    HYDRA_RETURN_IF_ERROR(
        ReadWork(report_.from_step, report_.rows.mlp_flops, report_.rows.mlp_flops_fixed_depth));
    HYDRA_RETURN_IF_ERROR(ReadWork(0, report_.run_mlp_flops, report_.run_mlp_flops_fixed_depth));
    HYDRA_RETURN_IF_ERROR(ReadHistory());
    return std::move(report_);
  }

 private:
  absl::Status CheckTables() {
    HYDRA_ASSIGN_OR_RETURN(
        Statement table,
        database_.Prepare("SELECT 1 FROM sqlite_master WHERE name='routing_tokens'"));
    HYDRA_ASSIGN_OR_RETURN(const bool found, table.Step());
    if (found) return absl::OkStatus();
    return InputError(absl::StrCat(
        query_.database, ": expected the routing tables of a metrics database, found none; ",
        "it is of an earlier version, or of another program"));
  }

  absl::Status ChooseRun() {
    HYDRA_ASSIGN_OR_RETURN(
        Statement runs,
        database_.Prepare("SELECT run_id FROM runs ORDER BY instr(run_id, '~') > 0, start_time "
                          "DESC, run_id"));
    std::string present;
    for (;;) {
      HYDRA_ASSIGN_OR_RETURN(const bool row, runs.Step());
      if (!row) break;
      const std::string run = runs.Text(0);
      if (query_.run.empty() || query_.run == run) {
        report_.run = run;
        return absl::OkStatus();
      }
      absl::StrAppend(&present, present.empty() ? "" : ", ", run);
    }
    return InputError(absl::StrCat(query_.database, ": expected ",
                                   query_.run.empty() ? "a run" : "run " + query_.run, ", found ",
                                   present.empty() ? "none" : present));
  }

  absl::Status ChooseSteps() {
    HYDRA_ASSIGN_OR_RETURN(Statement steps,
                           Of("SELECT min(step), max(step), count(*) FROM steps WHERE run_id=?1"));
    HYDRA_RETURN_IF_ERROR(steps.Step().status());
    report_.first_step = steps.Integer(0);
    report_.last_step = steps.Integer(1);
    HYDRA_ASSIGN_OR_RETURN(Statement routed,
                           Of("SELECT count(*) FROM routing_tokens WHERE run_id=?1"));
    HYDRA_RETURN_IF_ERROR(routed.Step().status());
    if (steps.Integer(2) == 0 || routed.Integer(0) == 0) {
      return InputError(absl::StrCat(query_.database, ": run ", report_.run, ": none of its ",
                                     steps.Integer(2),
                                     " steps routed; the model has no routers, "
                                     "or its curriculum has not switched them on"));
    }
    report_.from_step = query_.last == 0
                            ? report_.first_step
                            : std::max(report_.first_step, report_.last_step - query_.last + 1);
    return absl::OkStatus();
  }

  // A statement whose ?1 is the run and whose ?2, if it has one, the first step of the tables.
  absl::StatusOr<Statement> Of(absl::string_view sql) {
    HYDRA_ASSIGN_OR_RETURN(Statement statement, database_.Prepare(sql));
    statement.Bind(1, absl::string_view(report_.run));
    if (absl::StrContains(sql, "?2")) statement.Bind(2, report_.from_step);
    return statement;
  }

  // Sums over the steps of the tables, by pass or expert.
  absl::StatusOr<std::vector<int64_t>> TokensOf(absl::string_view router, int64_t layer) {
    HYDRA_ASSIGN_OR_RETURN(
        Statement sums,
        Of("SELECT sum(tokens) FROM routing_tokens WHERE run_id=?1 AND step>=?2 AND router=?3 AND "
           "layer=?4 GROUP BY part ORDER BY part"));
    sums.Bind(3, router).Bind(4, layer);
    std::vector<int64_t> tokens;
    for (;;) {
      HYDRA_ASSIGN_OR_RETURN(const bool row, sums.Step());
      if (!row) return tokens;
      tokens.push_back(sums.Integer(0));
    }
  }

  absl::Status ReadMod() {
    HYDRA_ASSIGN_OR_RETURN(Statement rows,
                           Of("SELECT layer, avg(selected_frac), avg(compute_savings_pct), "
                              "avg(probs_mean), avg(probs_std * probs_std), max(capacity) FROM "
                              "routing_mod WHERE run_id=?1 AND step>=?2 GROUP BY layer"));
    for (;;) {
      HYDRA_ASSIGN_OR_RETURN(const bool row, rows.Step());
      if (!row) return absl::OkStatus();
      HYDRA_ASSIGN_OR_RETURN(std::vector<int64_t> tokens, TokensOf("mod", rows.Integer(0)));
      report_.rows.mod.push_back({.layer = rows.Integer(0),
                                  .tokens = std::move(tokens),
                                  .selected_frac = rows.Real(1),
                                  .compute_savings_pct = rows.Real(2),
                                  .probs_mean = rows.Real(3),
                                  .probs_std = std::sqrt(rows.Real(4)),
                                  .capacity = rows.Real(5)});
    }
  }

  absl::Status ReadMor() {
    HYDRA_ASSIGN_OR_RETURN(Statement rows,
                           Of("SELECT layer, avg(expected_depth), avg(router_probs_mean), "
                              "max(min_depth) FROM routing_mor WHERE run_id=?1 AND step>=?2 "
                              "GROUP BY layer"));
    for (;;) {
      HYDRA_ASSIGN_OR_RETURN(const bool row, rows.Step());
      if (!row) return absl::OkStatus();
      HYDRA_ASSIGN_OR_RETURN(std::vector<int64_t> tokens, TokensOf("mor", rows.Integer(0)));
      report_.rows.mor.push_back({.layer = rows.Integer(0),
                                  .tokens = tokens,
                                  .avg_depth = MeanPlace(Depths(tokens)),
                                  .expected_depth = rows.Real(1),
                                  .router_probs_mean = rows.Real(2),
                                  .min_depth = rows.Integer(3)});
    }
  }

  absl::Status ReadMoe() {
    HYDRA_ASSIGN_OR_RETURN(Statement rows,
                           Of("SELECT layer, avg(divergence) FROM routing_moe WHERE run_id=?1 AND "
                              "step>=?2 GROUP BY layer"));
    for (;;) {
      HYDRA_ASSIGN_OR_RETURN(const bool row, rows.Step());
      if (!row) return absl::OkStatus();
      HYDRA_ASSIGN_OR_RETURN(std::vector<int64_t> tokens, TokensOf("moe", rows.Integer(0)));
      report_.rows.moe.push_back({.layer = rows.Integer(0),
                                  .tokens = tokens,
                                  .entropy = Entropy(tokens),
                                  .divergence = rows.Real(1)});
    }
  }

  absl::Status ReadWork(int64_t from_step, double& done, double& fixed) {
    HYDRA_ASSIGN_OR_RETURN(
        Statement work,
        database_.Prepare("SELECT total(mlp_flops), total(mlp_flops_fixed_depth) FROM "
                          "routing_work WHERE run_id=?1 AND step>=?2"));
    work.Bind(1, absl::string_view(report_.run)).Bind(2, from_step);
    HYDRA_RETURN_IF_ERROR(work.Step().status());
    done = work.Real(0);
    fixed = work.Real(1);
    return absl::OkStatus();
  }

  int64_t Buckets() const {
    return std::min(query_.buckets, report_.last_step - report_.first_step + 1);
  }

  // A statement that names buckets of steps `bucket`; ?2: the first step, ?3: steps, ?4: buckets.
  absl::StatusOr<Statement> Bucketed(absl::string_view sql) {
    HYDRA_ASSIGN_OR_RETURN(Statement statement, database_.Prepare(sql));
    statement.Bind(1, absl::string_view(report_.run))
        .Bind(2, report_.first_step)
        .Bind(3, report_.last_step - report_.first_step + 1)
        .Bind(4, Buckets());
    return statement;
  }

  absl::Status ReadHistory() {
    const auto buckets = static_cast<size_t>(Buckets());
    std::map<Place, std::vector<double>> sums;
    {
      HYDRA_ASSIGN_OR_RETURN(
          Statement tokens,
          Bucketed("SELECT router, layer, part, (step - ?2) * ?4 / ?3 AS bucket, sum(tokens) FROM "
                   "routing_tokens WHERE run_id=?1 GROUP BY router, layer, part, bucket"));
      for (;;) {
        HYDRA_ASSIGN_OR_RETURN(const bool row, tokens.Step());
        if (!row) break;
        std::vector<double>& track =
            sums.try_emplace({tokens.Text(0), tokens.Integer(1), tokens.Integer(2)}, buckets, 0.0)
                .first->second;
        track[static_cast<size_t>(tokens.Integer(3))] = tokens.Real(4);
      }
    }
    // Of depth routing that starts within a bucket, only the steps that it took part in count.
    std::map<int64_t, std::vector<double>> all;
    HYDRA_ASSIGN_OR_RETURN(
        Statement steps,
        Bucketed("SELECT t.layer, (t.step - ?2) * ?4 / ?3 AS bucket, sum(s.tokens) FROM "
                 "routing_tokens t JOIN steps s ON s.run_id=t.run_id AND s.step=t.step WHERE "
                 "t.run_id=?1 AND t.router='mod' AND t.part=0 GROUP BY t.layer, bucket"));
    for (;;) {
      HYDRA_ASSIGN_OR_RETURN(const bool row, steps.Step());
      if (!row) break;
      std::vector<double>& tokens = all.try_emplace(steps.Integer(0), buckets, 0.0).first->second;
      tokens[static_cast<size_t>(steps.Integer(1))] = steps.Real(2);
    }
    for (const auto& [place, tokens] : sums) AddTrack(place, tokens, sums, all);
    return absl::OkStatus();
  }

  void AddTrack(const Place& place, const std::vector<double>& tokens,
                const std::map<Place, std::vector<double>>& sums,
                const std::map<int64_t, std::vector<double>>& all) {
    const auto& [router, layer, part] = place;
    RoutingTrack track{.router = router, .layer = layer, .part = part};
    const auto deeper = sums.find({router, layer, part + 1});
    for (size_t bucket = 0; bucket < tokens.size(); ++bucket) {
      double mine = tokens[bucket], total = 0;
      if (router == "mod") {
        total = all.at(layer)[bucket];
      } else if (router == "mor") {
        total = sums.at({router, layer, 0})[bucket];
        if (deeper != sums.end()) mine -= deeper->second[bucket];
      } else {
        for (const auto& [other, counts] : sums) {
          if (std::get<0>(other) == router && std::get<1>(other) == layer) total += counts[bucket];
        }
      }
      track.shares.push_back(total > 0 ? mine / total : std::numeric_limits<double>::quiet_NaN());
    }
    report_.history.push_back(std::move(track));
  }

  Database database_;
  const RoutingQuery& query_;
  RoutingReport report_;
};

}  // namespace

double SavedShare(double flops, double at_fixed_depth) {
  return at_fixed_depth > 0 ? 1 - flops / at_fixed_depth : 0;
}

absl::StatusOr<RoutingReport> ReadRouting(const RoutingQuery& query) {
  HYDRA_ASSIGN_OR_RETURN(Database database,
                         Database::Open(query.database, Database::Mode::kReadOnly));
  return Reader(std::move(database), query).Read();
}

}  // namespace hydra::metrics
