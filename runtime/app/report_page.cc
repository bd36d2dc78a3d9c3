#include "runtime/app/report_page.h"

#include <filesystem>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "runtime/app/model.h"
#include "runtime/app/report_sections.h"
#include "runtime/app/run_history.h"
#include "runtime/artifact/artifact.h"
#include "runtime/io/atomic_file.h"

namespace hydra::app {
namespace {

namespace fs = std::filesystem;

std::string Page(const std::string& title, const std::string& body) {
  return absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width\"><title>",
      EscapeHtml(title), "</title><style>", ReportStyle(), "</style></head><body>\n<h1>",
      EscapeHtml(title), "</h1>\n", body, "</body></html>\n");
}

std::string Grid(const std::vector<Chart>& charts, int& count) {
  std::string text = "<div class=\"grid2\">\n";
  for (const Chart& chart : charts) {
    const std::string svg = ChartSvg(chart);
    if (svg.empty()) continue;
    ++count;
    absl::StrAppend(&text, "<div>", svg, "</div>\n");
  }
  return text + "</div>\n";
}

std::string Summary(const RunHistory& run) {
  std::vector<std::pair<std::string, std::string>> rows = {
      {"run", run.run_id},
      {"model", absl::StrFormat("%s, %.3f million parameters", run.model, run.parameters_millions)},
      {"steps", absl::StrFormat("%d, %d tokens", run.last_step, run.tokens)},
      {"started", run.start_time},
      {"ended", run.end_time.empty() ? "not yet" : run.end_time},
      {"training loss",
       absl::StrFormat("%.4f (average of the last steps)", run.loss_average.back().second)}};
  for (const auto& [data, points] : run.evaluations) {
    rows.emplace_back(
        data == "validation" ? "held-out loss" : absl::StrCat("loss of ", data),
        absl::StrFormat("%.4f at step %g", points.back().second, points.back().first));
  }
  return FactTable(rows);
}

std::string Facts(const RunHistory& run, const train::RunRecord* record) {
  std::vector<std::pair<std::string, std::string>> rows(run.environment.begin(),
                                                        run.environment.end());
  if (record != nullptr) {
    rows.emplace_back("artifact hash", record->facts.artifact_hash);
    rows.emplace_back("instruction-set level", record->facts.isa_level);
    rows.emplace_back("data",
                      absl::StrCat(record->data_fingerprint, ", tokenizer ", record->tokenizer));
    for (const auto& [name, value] : record->facts.runtime) rows.emplace_back(name, value);
    for (const auto& [name, value] : record->facts.library_versions) {
      rows.emplace_back(name, value);
    }
  }
  return absl::StrCat("<h2>Facts</h2>", FactTable(rows));
}

absl::StatusOr<std::string> RunBody(const RunHistory& run, const Notices& notices, int& charts) {
  std::string body = absl::StrCat(Summary(run), Grid(ChartsOf(run), charts));
  // A run that has not saved yet has no artifact to look into.
  const absl::StatusOr<train::Checkpoint> checkpoint =
      OpenCheckpointWithWarnings(run.directory, notices);
  if (!checkpoint.ok()) {
    notices.Warn(absl::StrCat("the report is without plan and facts of a checkpoint: ",
                              checkpoint.status().message()));
  } else if (!checkpoint->artifact_path().empty()) {
    HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<artifact::Artifact> artifact,
                           artifact::Artifact::Open(checkpoint->artifact_path()));
    absl::StrAppend(&body, ArtifactSection(*artifact, charts));
  }
  absl::StrAppend(&body, SettingsSection(run),
                  Facts(run, checkpoint.ok() ? &checkpoint->run() : nullptr));
  return body;
}

}  // namespace

absl::StatusOr<WrittenReport> WriteReport(const ReportRequest& request) {
  std::vector<RunHistory> runs;
  WrittenReport written;
  written.path = request.output;
  for (const std::string& directory : request.runs) {
    HYDRA_ASSIGN_OR_RETURN(runs.emplace_back(), ReadHistory(directory));
    written.run_ids.push_back(runs.back().run_id);
  }
  std::string page;
  if (runs.size() == 1) {
    HYDRA_ASSIGN_OR_RETURN(const std::string body,
                           RunBody(runs.front(), request.notices, written.charts));
    page = Page(absl::StrCat("Run of ", runs.front().model), body);
  } else {
    page = Page(
        absl::StrCat(runs.size(), " runs"),
        absl::StrCat("<p class=\"sub\">", EscapeHtml(absl::StrJoin(request.runs, ", ")), "</p>",
                     Grid(ComparisonCharts(runs), written.charts), DifferencesSection(runs)));
  }
  if (written.path.empty()) {
    written.path =
        (fs::path(request.runs.front()) / (runs.size() == 1 ? "report.html" : "compare.html"))
            .string();
  }
  HYDRA_RETURN_IF_ERROR(WriteFileAtomically(written.path, page));
  return written;
}

}  // namespace hydra::app
