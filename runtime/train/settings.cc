#include "runtime/train/settings.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "runtime/base/did_you_mean.h"

namespace hydra::train {
namespace {

constexpr SettingType kInt = SettingType::kInteger;
constexpr SettingType kNum = SettingType::kNumber;
constexpr SettingType kBool = SettingType::kBoolean;
constexpr SettingType kText = SettingType::kText;
constexpr SettingScope kRun = SettingScope::kRun;
constexpr SettingScope kCompile = SettingScope::kCompile;

constexpr SettingSpec kTable[] = {
    // The run.
    {"steps", kInt, kRun, "1000", "optimizer steps of the whole run; the schedule counts to it"},
    {"batch", kInt, kRun, "0", "sequences per micro-batch; 0: the artifact's largest"},
    {"seq", kInt, kRun, "0", "tokens per sequence; 0: the artifact's largest"},
    {"accum", kInt, kRun, "1", "micro-batches per optimizer step"},
    {"seed", kInt, kRun, "0", "seed of weights, batches and noise"},
    {"variant", kText, kRun, "", "program variant of the training entry; empty: the first"},
    // Learning rate, model.md 13.
    {"lr", kNum, kRun, "0", "largest learning rate; 0: 1e-4 / sqrt(millions of parameters / 100)"},
    {"min_lr", kNum, kRun, "-1", "smallest learning rate; negative: 0.3 * lr"},
    {"warmup_steps", kInt, kRun, "0", "warm-up length; 0: max(100, steps / 100)"},
    {"stable_fraction", kNum, kRun, "0.85", "share of the steps after warm-up at the full rate"},
    {"lr_floor_in_warmup", kBool, kRun, "true", "min_lr holds during warm-up too"},
    {"weight_decay", kNum, kRun, "0.1", "decoupled weight decay before group factors"},
    // Clipping, model.md 13.
    {"grad_clip", kNum, kRun, "5", "static clip norm; half of it starts the moving norm"},
    {"clip_dynamic", kBool, kRun, "true",
     "limit follows the moving norm; false: grad_clip exactly"},
    {"clip_min", kNum, kRun, "50", "smallest dynamic limit"},
    {"clip_max", kNum, kRun, "3000", "largest dynamic limit"},
    {"clip_factor", kNum, kRun, "2", "dynamic limit over the moving norm"},
    {"clip_ema_decay", kNum, kRun, "0.05", "step of the moving norm towards each new norm"},
    {"spike_norm", kNum, kRun, "0", "norm that counts as a spike; 0: from the model's size"},
    {"spike_lr_factor", kNum, kRun, "0.5", "learning-rate factor of a step with a spike"},
    // Losses.
    {"mod_aux_weight", kNum, kRun, "-1",
     "weight of the depth-router balance loss; -1: the model's"},
    // Host decisions that depend on results.
    {"record_lag", kInt, kRun, "1", "steps between a result and the host decision that may use it"},
    // Bookkeeping.
    {"save_interval", kInt, kRun, "500", "steps between checkpoints; 0: only at the end"},
    {"keep_checkpoints", kInt, kRun, "3", "checkpoints to keep; 0: all"},
    {"eval_interval", kInt, kRun, "500", "steps between evaluations; 0: only at the end"},
    {"eval_batches", kInt, kRun, "25", "batches per evaluation; 0: all of the held-out data"},
    {"log_interval", kInt, kRun, "25", "steps between log lines"},
    // The program.
    {"target", kText, kCompile, "", "cpu"},
    {"arch", kText, kCompile, "", "native, x86-64-v3, x86-64-v4 or sapphirerapids"},
    {"precision", kText, kCompile, "", "f32"},
    {"routing", kText, kCompile, "", "fixed, static or dynamic"},
    {"cache", kInt, kCompile, "", "positions of the decoding cache"},
};

absl::string_view TypeName(SettingType type) {
  switch (type) {
    case SettingType::kInteger:
      return "an integer";
    case SettingType::kNumber:
      return "a number";
    case SettingType::kBoolean:
      return "true or false";
    case SettingType::kText:
      return "a text";
  }
  return "";
}

std::string Shortest(double value) {
  char text[64];
  const std::to_chars_result end = std::to_chars(text, text + sizeof(text), value);
  return std::string(text, end.ptr);
}

// The one spelling of a value, so that equal settings are equal bytes; nullopt if it does not
// parse.
std::optional<std::string> Canonical(SettingType type, absl::string_view value) {
  switch (type) {
    case SettingType::kInteger: {
      int64_t parsed = 0;
      if (!absl::SimpleAtoi(value, &parsed)) return std::nullopt;
      return absl::StrCat(parsed);
    }
    case SettingType::kNumber: {
      double parsed = 0;
      if (!absl::SimpleAtod(value, &parsed) || !std::isfinite(parsed)) return std::nullopt;
      return Shortest(parsed);
    }
    case SettingType::kBoolean: {
      bool parsed = false;
      if (!absl::SimpleAtob(value, &parsed)) return std::nullopt;
      return parsed ? "true" : "false";
    }
    case SettingType::kText:
      return std::string(value);
  }
  return std::nullopt;
}

}  // namespace

absl::Span<const SettingSpec> SettingTable() { return kTable; }

const SettingSpec* FindSetting(absl::string_view key) {
  for (const SettingSpec& spec : kTable) {
    if (spec.key == key) return &spec;
  }
  return nullptr;
}

Settings::Settings() {
  for (const SettingSpec& spec : kTable) values_.emplace(spec.key, spec.initial);
}

absl::Status Settings::Set(absl::string_view key, absl::string_view value) {
  const SettingSpec* spec = FindSetting(key);
  if (spec == nullptr) {
    std::vector<absl::string_view> names;
    for (const SettingSpec& known : kTable) names.push_back(known.key);
    return UsageError(absl::StrCat("unknown setting '", key, "'", DidYouMean(key, names),
                                   " (hydra-run train --help-settings lists all)"));
  }
  std::optional<std::string> canonical = Canonical(spec->type, value);
  if (!canonical) {
    return UsageError(absl::StrCat("setting '", key, "' expects ", TypeName(spec->type),
                                   ", found '", value, "'"));
  }
  values_.insert_or_assign(std::string(key), *std::move(canonical));
  given_.emplace(key);
  return absl::OkStatus();
}

absl::Status Settings::SetAssignment(absl::string_view assignment) {
  const size_t equals = assignment.find('=');
  if (equals == absl::string_view::npos || equals == 0) {
    return UsageError(absl::StrCat("--set expects KEY=VALUE, found '", assignment, "'"));
  }
  return Set(assignment.substr(0, equals), assignment.substr(equals + 1));
}

int64_t Settings::Integer(absl::string_view key) const {
  int64_t value = 0;
  // Set() let only integers in.
  (void)absl::SimpleAtoi(Text(key), &value);
  return value;
}

double Settings::Number(absl::string_view key) const {
  double value = 0;
  (void)absl::SimpleAtod(Text(key), &value);
  return value;
}

bool Settings::Boolean(absl::string_view key) const { return Text(key) == "true"; }

const std::string& Settings::Text(absl::string_view key) const {
  return values_.find(std::string(key))->second;
}

bool Settings::given(absl::string_view key) const { return given_.contains(std::string(key)); }

std::map<std::string, std::string> Settings::CompileSettings() const {
  std::map<std::string, std::string> result;
  for (const SettingSpec& spec : kTable) {
    if (spec.scope == SettingScope::kCompile && given(spec.key)) {
      result.emplace(spec.key, Text(spec.key));
    }
  }
  return result;
}

std::map<std::string, std::string> Settings::RunValues() const {
  std::map<std::string, std::string> result;
  for (const SettingSpec& spec : kTable) {
    if (spec.scope == SettingScope::kRun) result.emplace(spec.key, Text(spec.key));
  }
  return result;
}

absl::StatusOr<std::vector<std::string>> Settings::Restore(
    const std::map<std::string, std::string>& saved) {
  std::vector<std::string> differences;
  for (const auto& [key, value] : saved) {
    const SettingSpec* spec = FindSetting(key);
    if (spec == nullptr || spec->scope != SettingScope::kRun) {
      return InputError(
          absl::StrCat("the saved settings contain '", key,
                       "', which is no run setting of this version; resume with the version that "
                       "wrote the checkpoint"));
    }
    const std::optional<std::string> canonical = Canonical(spec->type, value);
    if (!canonical) {
      return InputError(absl::StrCat("the saved setting '", key, "' should be ",
                                     TypeName(spec->type), ", found '", value, "'"));
    }
    if (!given(key)) {
      values_.insert_or_assign(key, *canonical);
    } else if (Text(key) != *canonical) {
      differences.push_back(absl::StrCat(key, ": the checkpoint has ", *canonical,
                                         ", this command asks for ", Text(key)));
    }
  }
  return differences;
}

absl::Status RefuseCompileSettings(const Settings& settings, absl::string_view artifact_path) {
  const std::map<std::string, std::string> compile = settings.CompileSettings();
  if (compile.empty()) return absl::OkStatus();
  std::vector<std::string> names, flags;
  for (const auto& [key, value] : compile) {
    names.push_back(key);
    std::string flag = key;
    for (char& c : flag) c = c == '_' ? '-' : c;
    flags.push_back(absl::StrCat("--", flag, "=", value));
  }
  return UsageError(
      absl::StrCat(artifact_path, " is already compiled and ", absl::StrJoin(names, ", "),
                   names.size() == 1 ? " is a compile setting" : " are compile settings",
                   "; recompile the model:\n  hydra-opt MODEL ", absl::StrJoin(flags, " "), " -o ",
                   artifact_path));
}

}  // namespace hydra::train
