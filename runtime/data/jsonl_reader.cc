#include "runtime/data/jsonl_reader.h"

#include "runtime/io/json_file.h"

namespace hydra::data {
namespace {
constexpr size_t kLongestLine = size_t{1} << 26;
}  // namespace

absl::Status JsonlReader::Line(absl::string_view line, const TakeDocument& take) {
  ++lines_;
  if (line.find_first_not_of(" \t\r") == line.npos) return absl::OkStatus();
  HYDRA_ASSIGN_OR_RETURN(
      const JsonDocument document,
      JsonDocument::Parse(line, source_, {.binary_base = {}, .first_line = lines_}));
  const JsonView root = document.root();
  if (!root.is_object()) return root.Expected(absl::StrCat("an object with \"", field_, "\""));
  HYDRA_ASSIGN_OR_RETURN(const JsonView member, root.Get(field_));
  HYDRA_ASSIGN_OR_RETURN(const absl::string_view text, member.String());
  ++documents_;
  return take(text);
}

absl::Status JsonlReader::Append(absl::string_view piece, const TakeDocument& take) {
  while (!piece.empty()) {
    const size_t end = piece.find('\n');
    if (end == piece.npos || !pending_.empty()) {
      if (pending_.size() + std::min(end, piece.size()) > kLongestLine) {
        return InputError(absl::StrCat(source_, ":", lines_ + 1, ": expected at most ",
                                       kLongestLine, " bytes; is it a file of one object?"));
      }
      pending_.append(piece.data(), std::min(end, piece.size()));
      if (end == piece.npos) return absl::OkStatus();
      HYDRA_RETURN_IF_ERROR(Line(pending_, take));
      pending_.clear();
    } else {
      HYDRA_RETURN_IF_ERROR(Line(piece.substr(0, end), take));
    }
    piece.remove_prefix(end + 1);
  }
  return absl::OkStatus();
}

absl::Status JsonlReader::Finish(const TakeDocument& take) {
  if (pending_.empty()) return absl::OkStatus();
  HYDRA_RETURN_IF_ERROR(Line(pending_, take));
  pending_.clear();
  return absl::OkStatus();
}

}  // namespace hydra::data
