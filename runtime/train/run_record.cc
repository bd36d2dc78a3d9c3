#include "runtime/train/run_record.h"

#include <optional>
#include <utility>

#include "runtime/io/json_file.h"
#include "runtime/io/json_value.h"

namespace hydra::train {
namespace {

constexpr char kFormat[] = "hydra-checkpoint-1";

absl::Status Read(const JsonView& object, absl::string_view key, std::string& value) {
  HYDRA_ASSIGN_OR_RETURN(const JsonView member, object.Get(key));
  HYDRA_ASSIGN_OR_RETURN(const absl::string_view text, member.String());
  value = std::string(text);
  return absl::OkStatus();
}

absl::Status Read(const JsonView& object, absl::string_view key, int64_t& value) {
  HYDRA_ASSIGN_OR_RETURN(const JsonView member, object.Get(key));
  HYDRA_ASSIGN_OR_RETURN(value, member.Int(0));
  return absl::OkStatus();
}

absl::Status Read(const JsonView& object, absl::string_view key, bool& value) {
  HYDRA_ASSIGN_OR_RETURN(const JsonView member, object.Get(key));
  HYDRA_ASSIGN_OR_RETURN(value, member.Bool());
  return absl::OkStatus();
}

absl::Status Read(const JsonView& object, absl::string_view key,
                  std::map<std::string, std::string>& value) {
  HYDRA_ASSIGN_OR_RETURN(const JsonView member, object.Get(key));
  HYDRA_ASSIGN_OR_RETURN(const auto members, member.Object());
  for (const auto& [name, item] : members) {
    HYDRA_ASSIGN_OR_RETURN(const absl::string_view text, item.String());
    value.emplace(name, text);
  }
  return absl::OkStatus();
}

absl::Status ReadModel(const JsonView& root, RunRecord& record) {
  HYDRA_ASSIGN_OR_RETURN(const JsonView model, root.Get("model"));
  EngineFacts& facts = record.facts;
  HYDRA_RETURN_IF_ERROR(Read(model, "name", facts.model));
  HYDRA_RETURN_IF_ERROR(Read(model, "spec_file", record.spec_file));
  if (record.spec_file.find('/') != std::string::npos) {
    return model.Error("spec_file should be a file name without directories");
  }
  HYDRA_RETURN_IF_ERROR(Read(model, "has_artifact", record.has_artifact));
  HYDRA_RETURN_IF_ERROR(Read(model, "artifact_hash", facts.artifact_hash));
  HYDRA_RETURN_IF_ERROR(Read(model, "vocab_size", facts.vocab_size));
  HYDRA_RETURN_IF_ERROR(Read(model, "parameter_count", facts.parameter_count));
  HYDRA_ASSIGN_OR_RETURN(const JsonView device, root.Get("device"));
  HYDRA_RETURN_IF_ERROR(Read(device, "target", facts.target));
  HYDRA_RETURN_IF_ERROR(Read(device, "isa_level", facts.isa_level));
  HYDRA_ASSIGN_OR_RETURN(const JsonView versions, root.Get("versions"));
  HYDRA_RETURN_IF_ERROR(Read(versions, "compiler", facts.compiler_build));
  HYDRA_RETURN_IF_ERROR(Read(versions, "libraries", facts.library_versions));
  // Checkpoints of the first format version do not say; every fact then counts as unknown.
  if (!root.Find("runtime")) return absl::OkStatus();
  return Read(root, "runtime", facts.runtime);
}

// Before there were modules, this was records and averages in one.
absl::Status ReadOldHost(const JsonView& host, RunRecord& record) {
  const auto get = [&](absl::string_view key) -> absl::StatusOr<JsonValue> {
    HYDRA_ASSIGN_OR_RETURN(const JsonView member, host.Get(key));
    return CopyOf(member);
  };
  HYDRA_ASSIGN_OR_RETURN(JsonValue lag, get("record_lag"));
  HYDRA_ASSIGN_OR_RETURN(JsonValue last, get("records"));
  HYDRA_ASSIGN_OR_RETURN(JsonValue loss, get("loss_ema"));
  HYDRA_ASSIGN_OR_RETURN(JsonValue ce, get("ce_ema"));
  record.host_state["records"] = {
      {"lag", std::move(lag)}, {"last", std::move(last)}, {"version", 1}};
  record.host_state["averages"] = {
      {"loss", std::move(loss)}, {"ce", std::move(ce)}, {"version", 1}};
  return absl::OkStatus();
}

// Only who trains on knows the modules: reading keeps whatever there is.
absl::Status ReadHost(const JsonView& root, RunRecord& record) {
  HYDRA_ASSIGN_OR_RETURN(const JsonView host, root.Get("host_state"));
  HYDRA_ASSIGN_OR_RETURN(const auto members, host.Object());
  if (host.Find("record_lag")) return ReadOldHost(host, record);
  for (const auto& [key, state] : members) {
    if (!state.is_object()) return state.Expected("an object");
    HYDRA_ASSIGN_OR_RETURN(const JsonView version, state.Get("version"));
    HYDRA_RETURN_IF_ERROR(version.Int(1).status());
    record.host_state[std::string(key)] = CopyOf(state);
  }
  return absl::OkStatus();
}

absl::Status ReadThresholds(const JsonView& root, SelectionThresholds& thresholds) {
  const std::optional<JsonView> found = root.Find("thresholds");
  if (!found) return absl::OkStatus();
  HYDRA_RETURN_IF_ERROR(Read(*found, "variant", thresholds.variant));
  HYDRA_ASSIGN_OR_RETURN(const JsonView values, found->Get("values"));
  HYDRA_ASSIGN_OR_RETURN(const auto members, values.Object());
  for (const auto& [name, item] : members) {
    HYDRA_ASSIGN_OR_RETURN(thresholds.values[std::string(name)], item.Double());
  }
  return absl::OkStatus();
}

void Compare(absl::string_view what, absl::string_view saved, absl::string_view now,
             std::vector<std::string>& lines) {
  if (saved == now) return;
  lines.push_back(
      absl::StrCat(what, ": the checkpoint has '", saved, "', this run has '", now, "'"));
}

// Facts that only one side has are differences too.
void CompareAll(const std::map<std::string, std::string>& saved,
                const std::map<std::string, std::string>& now, std::vector<std::string>& lines) {
  const auto value = [](const std::map<std::string, std::string>& facts, const std::string& name) {
    const auto found = facts.find(name);
    return found == facts.end() ? absl::string_view("unknown") : absl::string_view(found->second);
  };
  for (const auto& [name, text] : saved) Compare(name, text, value(now, name), lines);
  for (const auto& [name, text] : now) {
    if (saved.count(name) == 0) Compare(name, "unknown", text, lines);
  }
}

}  // namespace

std::string RunRecordText(const RunRecord& record) {
  const EngineFacts& facts = record.facts;
  JsonValue json{
      {"format", kFormat},
      {"run_id", record.run_id},
      {"step", record.step},
      {"total_tokens", record.total_tokens},
      {"initial_weights", record.initial_weights},
      {"settings", record.settings},
      {"shape", {{"batch", record.batch}, {"seq", record.seq}}},
      {"model",
       {{"name", facts.model},
        {"spec_file", record.spec_file},
        {"has_artifact", record.has_artifact},
        {"artifact_hash", facts.artifact_hash},
        {"vocab_size", facts.vocab_size},
        {"parameter_count", facts.parameter_count}}},
      {"device", {{"target", facts.target}, {"isa_level", facts.isa_level}}},
      {"versions", {{"compiler", facts.compiler_build}, {"libraries", facts.library_versions}}},
      {"runtime", facts.runtime},
      {"data", {{"fingerprint", record.data_fingerprint}, {"tokenizer", record.tokenizer}}},
      {"host_state", record.host_state}};
  if (!record.thresholds.values.empty()) {
    json["thresholds"] = {{"variant", record.thresholds.variant},
                          {"values", record.thresholds.values}};
  }
  if (!record.branched_from.empty()) json["branched_from"] = record.branched_from;
  return json.Dump(2) + "\n";
}

absl::StatusOr<RunRecord> ParseRunRecord(absl::string_view text, absl::string_view source) {
  HYDRA_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::Parse(text, source));
  const JsonView root = document.root();
  HYDRA_ASSIGN_OR_RETURN(const JsonView format, root.Get("format"));
  HYDRA_ASSIGN_OR_RETURN(const absl::string_view format_name, format.String());
  if (format_name != kFormat) return format.Expected(absl::StrCat("\"", kFormat, "\""));
  RunRecord record;
  HYDRA_RETURN_IF_ERROR(Read(root, "run_id", record.run_id));
  HYDRA_RETURN_IF_ERROR(Read(root, "step", record.step));
  HYDRA_RETURN_IF_ERROR(Read(root, "total_tokens", record.total_tokens));
  // Checkpoints written before there was a choice have no such member.
  if (root.Find("initial_weights")) {
    HYDRA_RETURN_IF_ERROR(Read(root, "initial_weights", record.initial_weights));
  }
  if (root.Find("branched_from")) {
    HYDRA_RETURN_IF_ERROR(Read(root, "branched_from", record.branched_from));
  }
  HYDRA_RETURN_IF_ERROR(Read(root, "settings", record.settings));
  if (root.Find("shape")) {
    HYDRA_ASSIGN_OR_RETURN(const JsonView shape, root.Get("shape"));
    HYDRA_RETURN_IF_ERROR(Read(shape, "batch", record.batch));
    HYDRA_RETURN_IF_ERROR(Read(shape, "seq", record.seq));
  }
  HYDRA_RETURN_IF_ERROR(ReadModel(root, record));
  HYDRA_ASSIGN_OR_RETURN(const JsonView data, root.Get("data"));
  HYDRA_RETURN_IF_ERROR(Read(data, "fingerprint", record.data_fingerprint));
  HYDRA_RETURN_IF_ERROR(Read(data, "tokenizer", record.tokenizer));
  HYDRA_RETURN_IF_ERROR(ReadHost(root, record));
  HYDRA_RETURN_IF_ERROR(ReadThresholds(root, record.thresholds));
  return record;
}

std::vector<std::string> Differences(const EngineFacts& saved, const EngineFacts& now) {
  std::vector<std::string> lines;
  Compare("model", saved.model, now.model, lines);
  Compare("artifact", saved.artifact_hash, now.artifact_hash, lines);
  Compare("target", saved.target, now.target, lines);
  Compare("instruction-set level", saved.isa_level, now.isa_level, lines);
  Compare("compiler", saved.compiler_build, now.compiler_build, lines);
  CompareAll(saved.library_versions, now.library_versions, lines);
  CompareAll(saved.runtime, now.runtime, lines);
  return lines;
}

}  // namespace hydra::train
