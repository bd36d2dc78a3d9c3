// Settings of a run, declared once: name, type, default, whether they are values of a run or change
// the compiled program, and help. Flags, --set, run.json and the help text all come from this
// table.
#ifndef HYDRA_RUNTIME_TRAIN_SETTINGS_H_
#define HYDRA_RUNTIME_TRAIN_SETTINGS_H_

#include <cstdint>
#include <limits>
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

// What a number may be, both ends included. `automatic`: also the word "auto", for a value that
// follows from the model or the run.
struct SettingRange {
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  bool automatic = false;
};

struct SettingSpec {
  absl::string_view key;
  SettingType type;
  SettingScope scope;
  absl::string_view initial;  // as text; "" for compile settings: the compiler's default
  SettingRange range;         // of integers and numbers
  absl::string_view help;
};

// In the order of the help text.
absl::Span<const SettingSpec> SettingTable();

// What a value must be, as help and messages say it: "an integer of at least 1, or auto".
std::string DescribeValues(const SettingSpec& spec);

// nullptr if there is none.
const SettingSpec* FindSetting(absl::string_view key);

// A value for every run setting and for the compile settings that were given. Value type.
class Settings {
 public:
  Settings();

  // A usage error for an unknown key (with the nearest one), a value that does not parse or is out
  // of its range, or a key that has been set to another value: nothing given is dropped.
  absl::Status Set(absl::string_view key, absl::string_view value);
  // "key=value".
  absl::Status SetAssignment(absl::string_view assignment);

  // Whether the value is "auto"; Integer and Number are 0 then.
  bool automatic(absl::string_view key) const;
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

// A usage error for values that are fine alone and not together: a smallest above a largest.
absl::Status CheckSettings(const Settings& settings);

// The refusal of compile settings on a program that is compiled already: names them and says what
// to do. `compiled`: the artifact or checkpoint as the user named it; `advice`: the commands that
// reach what was asked for, where FLAGS stands for the flags. The setting `allowed` is not refused.
absl::Status RefuseCompileSettings(const Settings& settings, absl::string_view compiled,
                                   absl::string_view advice, absl::string_view allowed = "");

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_SETTINGS_H_
