// hydra-run report: a page about a run, or about several side by side.
#include <cstdio>
#include <memory>

#include "absl/strings/match.h"
#include "runtime/app/report_page.h"
#include "tools/hydra-run/commands.h"
#include "tools/hydra-run/console.h"

namespace hydra::tools {
namespace {

absl::StatusOr<int> Report(const app::ReportRequest& request, bool json) {
  if (!request.output.empty() && !absl::EndsWith(request.output, ".html")) {
    return UsageError(
        absl::StrCat("--output: expected a file named .html, found '", request.output, "'"));
  }
  HYDRA_ASSIGN_OR_RETURN(const app::WrittenReport written, app::WriteReport(request));
  if (json) {
    PrintJson({{"report", written.path}, {"charts", written.charts}, {"runs", written.run_ids}});
  } else {
    std::printf("%s\n", written.path.c_str());
  }
  return 0;
}

}  // namespace

void AddReport(CommandLine& line) {
  Command command = line.Add("report", "A page about a run, or several compared");
  auto request = std::make_shared<app::ReportRequest>();
  request->notices = ConsoleNotices();
  command.Positionals("runs", request->runs, "run directories; several are compared");
  command.Text("-o,--output", request->output,
               "HTML file to write; without it report.html (compare.html) in the first run");
  command.Run([request](bool json) { return Report(*request, json); });
}

}  // namespace hydra::tools
