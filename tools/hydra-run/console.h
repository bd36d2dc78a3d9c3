// Printing: errors, warnings, tables, sizes. Results go to stdout, everything else to stderr.
#ifndef HYDRA_TOOLS_HYDRA_RUN_CONSOLE_H_
#define HYDRA_TOOLS_HYDRA_RUN_CONSOLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/app/notices.h"
#include "runtime/base/status.h"
#include "runtime/io/json_value.h"

namespace hydra::tools {

using Json = JsonValue;

// Whether stderr is a terminal that moves its cursor: progress bars only go there.
bool StderrIsTerminal();
// The same and NO_COLOR is not set.
bool UseColor();

void PrintError(const absl::Status& status);
void PrintWarning(absl::string_view message);
// A line on stderr.
void PrintNote(absl::string_view message);
// Lines of another program, as they are.
void PrintMessages(absl::string_view messages);
// What the application says goes to the two above.
app::Notices ConsoleNotices();
// One JSON object on stdout.
void PrintJson(const Json& json);
// Everything printed so far has left the program; an error if standard output cannot be written,
// now or at any time before. Standard output has its own buffer, so a full disk shows only here.
absl::Status FlushOutput();

// 1234567 as "1,234,567"; bytes as "1.2 MB"; seconds as "2h03m", "4m05s" or "6s".
std::string WithCommas(int64_t value);
std::string HumanBytes(uint64_t bytes);
std::string HumanSeconds(double seconds);

// Rows of text in aligned columns; columns of numbers are aligned to the right.
class Table {
 public:
  // `alignment`: one of 'l' and 'r' per column.
  Table(std::vector<std::string> header, std::string alignment);
  void Add(std::vector<std::string> row);
  // With a newline after each row.
  std::string Text() const;

 private:
  std::string alignment_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace hydra::tools

#endif  // HYDRA_TOOLS_HYDRA_RUN_CONSOLE_H_
