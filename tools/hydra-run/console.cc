#include "tools/hydra-run/console.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_format.h"

namespace hydra::tools {
namespace {

void PrintMarked(const char* color, const char* word, absl::string_view message) {
  const bool colored = UseColor();
  std::fprintf(stderr, "hydra-run: %s%s%s: %.*s\n", colored ? color : "", word,
               colored ? "\033[0m" : "", static_cast<int>(message.size()), message.data());
}

}  // namespace

bool StderrIsTerminal() {
  const char* terminal = std::getenv("TERM");
  return isatty(STDERR_FILENO) != 0 && terminal != nullptr && absl::string_view(terminal) != "dumb";
}

bool UseColor() {
  const char* no_color = std::getenv("NO_COLOR");
  return StderrIsTerminal() && (no_color == nullptr || no_color[0] == '\0');
}

void PrintError(const absl::Status& status) { PrintMarked("\033[31m", "error", status.message()); }

void PrintWarning(absl::string_view message) { PrintMarked("\033[33m", "warning", message); }

void PrintNote(absl::string_view message) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(message.size()), message.data());
}

void PrintMessages(absl::string_view messages) {
  std::fwrite(messages.data(), 1, messages.size(), stderr);
}

app::Notices ConsoleNotices() { return {PrintNote, PrintWarning}; }

void PrintJson(const Json& json) {
  const std::string text = json.Dump(2);
  std::printf("%s\n", text.c_str());
}

absl::Status FlushOutput() {
  errno = 0;
  const bool failed = std::ferror(stdout) != 0;
  if (std::fflush(stdout) == 0 && !failed) return absl::OkStatus();
  return FailureError(absl::StrCat("standard output: expected to write the results, found: ",
                                   errno != 0 ? std::strerror(errno) : "an earlier write failed",
                                   "; free some space or send them elsewhere"));
}

std::string WithCommas(int64_t value) {
  std::string digits = absl::StrCat(value);
  const size_t first = digits[0] == '-' ? 1 : 0;
  for (size_t place = digits.size(); place > first + 3; place -= 3) digits.insert(place - 3, ",");
  return digits;
}

std::string HumanBytes(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1000 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  return unit == 0 ? absl::StrCat(bytes, " B") : absl::StrFormat("%.2f %s", value, kUnits[unit]);
}

std::string HumanSeconds(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "?";
  const int64_t whole = static_cast<int64_t>(std::llround(seconds));
  if (whole >= 3600) return absl::StrFormat("%dh%02dm", whole / 3600, whole % 3600 / 60);
  if (whole >= 60) return absl::StrFormat("%dm%02ds", whole / 60, whole % 60);
  return absl::StrFormat("%ds", whole);
}

Table::Table(std::vector<std::string> header, std::string alignment)
    : alignment_(std::move(alignment)) {
  rows_.push_back(std::move(header));
}

void Table::Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

std::string Table::Text() const {
  std::vector<size_t> widths(alignment_.size(), 0);
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      if (i > 0) line += "  ";
      const std::string padding(widths[i] - row[i].size(), ' ');
      line += alignment_[i] == 'r' ? padding + row[i] : row[i] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace hydra::tools
