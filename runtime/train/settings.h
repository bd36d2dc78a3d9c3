// Settings of a run, declared once: name, type, default, whether they are values of a run or change
// the compiled program, and help. Flags, --set, run.json and the help text all come from this
// table.
#ifndef HYDRA_RUNTIME_TRAIN_SETTINGS_H_
#define HYDRA_RUNTIME_TRAIN_SETTINGS_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/base/status.h"

namespace hydra::train {

enum class SettingType { kInteger, kNumber, kBoolean, kText };
enum class SettingScope {
  kRun,      // a value; never recompiles
  kCompile,  // changes the program; only for a model that is still to be compiled
};

struct SettingSpec {
  absl::string_view key;
  SettingType type;
  SettingScope scope;
  absl::string_view initial;  // as text; "" for compile settings: the compiler's default
  absl::string_view help;
};

// In the order of the help text.
absl::Span<const SettingSpec> SettingTable();

// nullptr if there is none.
const SettingSpec* FindSetting(absl::string_view key);

// A value for every run setting and for the compile settings that were given. Value type.
class Settings {
 public:
  Settings();

  // kInvalidArgument for an unknown key (with the nearest one) or a value that does not parse.
  absl::Status Set(absl::string_view key, absl::string_view value);
  // "key=value".
  absl::Status SetAssignment(absl::string_view assignment);

  // The key must be in the table with that type.
  int64_t Integer(absl::string_view key) const;
  double Number(absl::string_view key) const;
  bool Boolean(absl::string_view key) const;
  const std::string& Text(absl::string_view key) const;

  // Whether Set was called for it.
  bool given(absl::string_view key) const;
  // Compile settings that were given, with canonical values.
  std::map<std::string, std::string> CompileSettings() const;

  // Canonical text of every run setting, by name; the same values always give the same text.
  std::map<std::string, std::string> RunValues() const;
  // Takes the values of `saved` for run settings that were not given here. Differences between
  // given and saved values are returned as lines for the user.
  absl::StatusOr<std::vector<std::string>> Restore(const std::map<std::string, std::string>& saved);

 private:
  std::map<std::string, std::string, std::less<>> values_;
  std::set<std::string, std::less<>> given_;
};

// The refusal of compile settings on an artifact: names them and the command that recompiles.
absl::Status RefuseCompileSettings(const Settings& settings, absl::string_view artifact_path);

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_SETTINGS_H_
