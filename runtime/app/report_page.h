// The report of a run, or of several side by side: one HTML page without scripts or other files.
#ifndef HYDRA_RUNTIME_APP_REPORT_PAGE_H_
#define HYDRA_RUNTIME_APP_REPORT_PAGE_H_

#include <string>
#include <vector>

#include "runtime/app/notices.h"
#include "runtime/base/status.h"

namespace hydra::app {

struct ReportRequest {
  std::vector<std::string> runs;  // run directories, at least one
  std::string output;             // "": report.html in the first run, compare.html for several
  Notices notices = {};
};

struct WrittenReport {
  std::string path;
  int charts = 0;
  std::vector<std::string> run_ids;
};

// Of one run: losses, learning rate, norms, speed, routing, the plan's memory over time, what was
// fused, settings, facts. Of several: the same curves over each other, and the settings that
// differ. May run while the runs train. What the newest checkpoint would add is left out, with a
// warning, where there is none.
absl::StatusOr<WrittenReport> WriteReport(const ReportRequest& request);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_REPORT_PAGE_H_
