#include "runtime/train/settings.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "runtime/base/did_you_mean.h"
#include "runtime/data/batches.h"

namespace hydra::train {
namespace {

constexpr SettingType kInt = SettingType::kInteger;
constexpr SettingType kNum = SettingType::kNumber;
constexpr SettingType kBool = SettingType::kBoolean;
constexpr SettingType kText = SettingType::kText;
constexpr SettingScope kRun = SettingScope::kRun;
constexpr SettingScope kCompile = SettingScope::kCompile;

constexpr SettingRange kAny;
constexpr SettingRange kCount{.least = 0};     // of things, or a length
constexpr SettingRange kPositive{.least = 1};  // the same, and there must be one
constexpr SettingRange kSize{.least = 1, .automatic = true};
constexpr SettingRange kWeight{.least = 0};
constexpr SettingRange kAutoWeight{.least = 0, .automatic = true};
constexpr SettingRange kShare{.least = 0, .most = 1};
// Every micro-batch of a step has inputs and outputs of its own in device memory.
constexpr SettingRange kMicroBatches{.least = 1, .most = 65536};
constexpr SettingRange kLag{.least = 1, .most = 1024, .automatic = true};

constexpr SettingSpec kTable[] = {
    // The run.
    {"steps", kInt, kRun, "1000", kPositive,
     "optimizer steps of the whole run; the schedule counts to it"},
    {"batch", kInt, kRun, "auto", kSize, "sequences per micro-batch; auto: 8, or the artifact's"},
    {"seq", kInt, kRun, "auto", kSize,
     "tokens per sequence; auto: 256 or the model's longest, or the artifact's"},
    {"accum", kInt, kRun, "1", kMicroBatches, "micro-batches per optimizer step"},
    {"seed", kInt, kRun, "0", kCount, "seed of weights, batches and noise"},
    {"data_order", kText, kRun, "random", kAny,
     "random: windows drawn with replacement; epochs: every window once per epoch, shuffled; "
     "sources: as random, but every micro-batch from one source of the data"},
    {"variant", kText, kRun, "", kAny,
     "program variant of the training entry; empty: what the phase of the step asks for"},
    // Learning rate, model.md 13.
    {"size", kText, kRun, "auto", kAny,
     "row of the size table that sets lr and grad_clip (100M, 1B ...); auto: the row that the "
     "model is named after, else its true parameter count"},
    {"lr", kNum, kRun, "auto", kAutoWeight,
     "largest learning rate; auto: 1e-4 / sqrt(millions of parameters / 100)"},
    {"min_lr", kNum, kRun, "auto", kAutoWeight, "smallest learning rate; auto: 0.3 * lr"},
    {"warmup_steps", kInt, kRun, "auto", kAutoWeight,
     "warm-up length; auto: max(100, steps / 100)"},
    {"stable_fraction", kNum, kRun, "0.85", kShare,
     "share of the steps after warm-up at the full rate"},
    {"lr_floor_in_warmup", kBool, kRun, "true", kAny, "min_lr holds during warm-up too"},
    {"weight_decay", kNum, kRun, "0.1", kWeight, "decoupled weight decay before group factors"},
    // Clipping, model.md 13.
    {"grad_clip", kNum, kRun, "auto", kAutoWeight,
     "half of it starts the moving norm; the least limit when clip_dynamic is false; auto: 5, or "
     "the size's"},
    {"clip_dynamic", kBool, kRun, "true", kAny,
     "the limit follows the moving norm; false: it stays where it starts, and corrected rules take "
     "grad_clip exactly"},
    {"clip_min", kNum, kRun, "50", kWeight, "smallest limit"},
    {"clip_max", kNum, kRun, "3000", kWeight, "largest limit"},
    {"clip_factor", kNum, kRun, "2", kWeight, "limit over the moving norm"},
    {"clip_ema_decay", kNum, kRun, "0.05", kShare, "step of the moving norm towards each new norm"},
    {"spike_norm", kNum, kRun, "auto", kAutoWeight,
     "norm that counts as a spike; auto: from the model's size"},
    {"spike_lr_factor", kNum, kRun, "0.5", kWeight, "learning-rate factor of a step with a spike"},
    // Losses.
    {"mod_aux_weight", kNum, kRun, "auto", kAutoWeight,
     "weight of the depth-router balance loss; auto: the model's"},
    {"mod_loss_aware_weight", kNum, kRun, "auto", kAutoWeight,
     "weight of the loss-aware term of depth routing; auto: the model's"},
    {"mod_predictor_weight", kNum, kRun, "auto", kAutoWeight,
     "weight of the term that teaches depth routers to tell their selection; auto: the model's"},
    {"ponder_weight", kNum, kRun, "0.01", kWeight, "weight of the ponder loss"},
    {"mor_advantage_weight", kNum, kRun, "1", kWeight,
     "weight of the advantage loss, beside its ramp"},
    {"moe_aux_weight", kNum, kRun, "auto", kAutoWeight,
     "weight of the expert balance loss; auto: the model's"},
    {"moe_teacher_weight", kNum, kRun, "0", kWeight,
     "weight of the loss that teaches routers the expert of a micro-batch's source"},
    {"moe_domain_expert_map", kText, kRun, "", kAny,
     "SOURCE:EXPERT,...: the expert of micro-batches from a source of the data, while experts are "
     "forced and for the teacher"},
    // Curriculum of routing, model.md 11. Nothing of it recompiles.
    {"mor_enable_step", kInt, kRun, "auto", kAutoWeight,
     "step from which recursion is routed; auto: mor_enable_fraction of the run, at least "
     "mor_enable_min_steps"},
    {"mor_enable_fraction", kNum, kRun, "0.1", kShare, "share of the run before it"},
    {"mor_enable_min_steps", kInt, kRun, "3000", kCount, "steps before it, at least"},
    {"mor_enable_loss", kNum, kRun, "5", kWeight,
     "moving cross-entropy below which it starts early; 0: never"},
    {"mor_rampup_steps", kInt, kRun, "auto", kAutoWeight,
     "steps over which it replaces fixed depth; 0: at once; auto: from the run's length"},
    {"mor_warmup_steps", kInt, kRun, "auto", kAutoWeight,
     "steps over which the ponder loss warms up; auto: 0.3 of the run"},
    {"mod_warmup_steps", kInt, kRun, "auto", kAutoWeight,
     "steps before depth routing selects tokens; auto: the model's"},
    {"moe_warmup_steps", kInt, kRun, "auto", kAutoWeight,
     "steps over which experts join the residual; auto: the model's"},
    // Host decisions that depend on results.
    {"record_lag", kInt, kRun, "auto", kLag,
     "steps between a result and the host decision that may use it; auto: 2, or 1 for rules = "
     "pytorch"},
    // Bookkeeping.
    {"save_interval", kInt, kRun, "500", kCount, "steps between checkpoints; 0: only at the end"},
    {"keep_checkpoints", kInt, kRun, "3", kCount, "checkpoints to keep; 0: all"},
    {"keep_best", kBool, kRun, "false", kAny,
     "keep the checkpoint with the lowest held-out loss as OUT/best"},
    {"eval_interval", kInt, kRun, "500", kCount, "steps between evaluations; 0: only at the end"},
    {"eval_batches", kInt, kRun, "25", kCount,
     "batches per evaluation; 0: all of the held-out data"},
    {"log_interval", kInt, kRun, "25", kPositive, "steps between log lines"},
    // The program.
    {"target", kText, kCompile, "", kAny, "device to compile for: cpu, cuda, sim"},
    {"arch", kText, kCompile, "", kAny,
     "native or an instruction-set level that hydra-opt --help lists"},
    {"precision", kText, kCompile, "", kAny, "f32, or bf16 for the operands of matmuls"},
    {"routing", kText, kCompile, "", kAny, "fixed, static or dynamic"},
    {"mod_rule", kText, kCompile, "", kAny,
     "how depth routing selects without later tokens: prefix, threshold, predictor, dense, or "
     "recompute, which runs the whole text for each"},
    {"cache", kInt, kCompile, "", kPositive, "positions of the decoding cache"},
    {"memory_budget", kInt, kCompile, "", kPositive,
     "bytes of all planned memory; more is recomputed"},
};

constexpr absl::string_view kAutomatic = "auto";

std::string Shortest(double value) {
  char text[64];
  const std::to_chars_result end = std::to_chars(text, text + sizeof(text), value);
  return std::string(text, end.ptr);
}

// The one spelling of a value, so that equal settings are equal bytes; nullopt if it does not
// parse or is out of range.
std::optional<std::string> Canonical(const SettingSpec& spec, absl::string_view value) {
  const auto inside = [&](double number) {
    return number >= spec.range.least && number <= spec.range.most;
  };
  if (spec.range.automatic && value == kAutomatic) return std::string(kAutomatic);
  switch (spec.type) {
    case SettingType::kInteger: {
      int64_t parsed = 0;
      if (!absl::SimpleAtoi(value, &parsed)) return std::nullopt;
      if (!inside(static_cast<double>(parsed))) return std::nullopt;
      return absl::StrCat(parsed);
    }
    case SettingType::kNumber: {
      double parsed = 0;
      if (!absl::SimpleAtod(value, &parsed) || !std::isfinite(parsed)) return std::nullopt;
      if (!inside(parsed)) return std::nullopt;
      return Shortest(parsed == 0 ? 0 : parsed);  // -0 is 0
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

std::string DescribeValues(const SettingSpec& spec) {
  if (spec.type == SettingType::kText) return "a text";
  if (spec.type == SettingType::kBoolean) return "true or false";
  std::string text = spec.type == SettingType::kInteger ? "an integer" : "a number";
  if (std::isfinite(spec.range.most)) {
    absl::StrAppend(&text, " from ", spec.range.least, " to ", spec.range.most);
  } else if (std::isfinite(spec.range.least)) {
    absl::StrAppend(&text, " of at least ", spec.range.least);
  }
  if (spec.range.automatic) absl::StrAppend(&text, ", or ", kAutomatic);
  return text;
}

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
  std::optional<std::string> canonical = Canonical(*spec, value);
  if (!canonical) {
    return UsageError(absl::StrCat("setting '", key, "' expects ", DescribeValues(*spec),
                                   ", found '", value, "'"));
  }
  if (given(key) && Text(key) != *canonical) {
    return UsageError(absl::StrCat("setting '", key, "' is given twice, as ", Text(key), " and as ",
                                   *canonical, "; give it once, as a flag or with --set"));
  }
  values_.insert_or_assign(std::string(key), *std::move(canonical));
  given_.emplace(key);
  return absl::OkStatus();
}

absl::Status Settings::SetAssignment(absl::string_view assignment) {
  const size_t equals = assignment.find('=');
  if (equals == absl::string_view::npos || equals == 0) {
    return UsageError(absl::StrCat("--set expects KEY=VALUE, found '", assignment,
                                   "' (hydra-run train --help-settings lists the keys)"));
  }
  return Set(assignment.substr(0, equals), assignment.substr(equals + 1));
}

bool Settings::automatic(absl::string_view key) const { return Text(key) == kAutomatic; }

int64_t Settings::Integer(absl::string_view key) const {
  int64_t value = 0;
  // Set() let only integers and "auto" in; the latter leaves 0.
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
    const std::optional<std::string> canonical = Canonical(*spec, value);
    if (!canonical) {
      return InputError(absl::StrCat("the saved setting '", key, "' should be ",
                                     DescribeValues(*spec), ", found '", value,
                                     "'; resume with the version that wrote the checkpoint"));
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

absl::Status CheckSettings(const Settings& settings) {
  const absl::Status order = data::DataOrderNamed(settings.Text("data_order")).status();
  if (!order.ok()) return UsageError(absl::StrCat("setting 'data_order' ", order.message()));
  if (settings.Number("clip_min") > settings.Number("clip_max")) {
    return UsageError(absl::StrCat("setting 'clip_min' is ", settings.Text("clip_min"),
                                   ", above 'clip_max', ", settings.Text("clip_max"),
                                   "; lower the one or raise the other"));
  }
  return absl::OkStatus();
}

absl::Status RefuseCompileSettings(const Settings& settings, absl::string_view compiled,
                                   absl::string_view advice, absl::string_view allowed) {
  std::map<std::string, std::string> compile = settings.CompileSettings();
  compile.erase(std::string(allowed));
  if (compile.empty()) return absl::OkStatus();
  std::vector<std::string> names, flags;
  for (const auto& [key, value] : compile) {
    names.push_back(key);
    flags.push_back(absl::StrCat("--", absl::StrReplaceAll(key, {{"_", "-"}}), "=", value));
  }
  return UsageError(
      absl::StrCat(compiled, " is already compiled and ", absl::StrJoin(names, ", "),
                   names.size() == 1 ? " is a compile setting" : " are compile settings", "; ",
                   absl::StrReplaceAll(advice, {{"FLAGS", absl::StrJoin(flags, " ")}})));
}

}  // namespace hydra::train
