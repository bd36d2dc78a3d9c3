// Parts of a report page. Private to this folder.
#ifndef HYDRA_RUNTIME_APP_REPORT_SECTIONS_H_
#define HYDRA_RUNTIME_APP_REPORT_SECTIONS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/app/run_history.h"
#include "runtime/app/svg_chart.h"
#include "runtime/artifact/artifact.h"
#include "runtime/io/ledger.h"

namespace hydra::app {

// Style of the page: light or dark as the reader's system is.
absl::string_view ReportStyle();

// Rows of a name and a value.
std::string FactTable(const std::vector<std::pair<std::string, std::string>>& rows);

// The charts of one run that have data.
std::vector<Chart> ChartsOf(const RunHistory& run);
// The same quantities of several runs, one line for each.
std::vector<Chart> ComparisonCharts(const std::vector<RunHistory>& runs);

// Settings and their values, those that are not the default first and marked.
std::string SettingsSection(const RunHistory& run);
// Settings that are not the same in all runs.
std::string DifferencesSection(const std::vector<RunHistory>& runs);

// The plan's memory, live bytes over the commands of each entry, and the graph of one block with
// what fusion refused. Adds the charts it drew to `charts`.
std::string ArtifactSection(const artifact::Artifact& artifact, int& charts);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_REPORT_SECTIONS_H_
