#include "runtime/train/settings_file.h"

#include <charconv>

#include "runtime/io/json_file.h"

namespace hydra::train {
namespace {

// As it would be given with --set.
absl::StatusOr<std::string> TextOf(const JsonView& value) {
  switch (value.kind()) {
    case JsonKind::kString: {
      HYDRA_ASSIGN_OR_RETURN(const absl::string_view text, value.String());
      return std::string(text);
    }
    case JsonKind::kBool: {
      HYDRA_ASSIGN_OR_RETURN(const bool flag, value.Bool());
      return std::string(flag ? "true" : "false");
    }
    case JsonKind::kInteger: {
      HYDRA_ASSIGN_OR_RETURN(const int64_t number, value.Int());
      return absl::StrCat(number);
    }
    case JsonKind::kNumber: {
      HYDRA_ASSIGN_OR_RETURN(const double number, value.Double());
      char text[64];
      const std::to_chars_result end = std::to_chars(text, text + sizeof(text), number);
      return std::string(text, end.ptr);
    }
    default:
      return value.Expected("a text, a number, true or false");
  }
}

}  // namespace

absl::Status ReadSettingsFile(const std::string& path, Settings& settings) {
  HYDRA_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::ReadFile(path));
  const std::optional<JsonView> member = document.root().Find("settings");
  const JsonView root = member ? *member : document.root();
  HYDRA_ASSIGN_OR_RETURN(const auto members, root.Object());
  for (const auto& [key, value] : members) {
    HYDRA_ASSIGN_OR_RETURN(const std::string text, TextOf(value));
    // Checked by a copy first: an error is the file's, and a default leaves no trace.
    Settings probe;
    if (const absl::Status status = probe.Set(key, text); !status.ok()) {
      return value.Error(status.message());
    }
    if (settings.given(key) || probe.Text(key) == FindSetting(key)->initial) continue;
    HYDRA_RETURN_IF_ERROR(settings.Set(key, text));
  }
  return absl::OkStatus();
}

}  // namespace hydra::train
