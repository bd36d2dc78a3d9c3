// The contents of an artifact: versions, entries, memory plan, parameters, sections.
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "runtime/app/artifact_facts.h"
#include "runtime/app/bundle.h"
#include "runtime/artifact/artifact.h"
#include "runtime/base/buffer_ref.h"
#include "runtime/io/gpu_report.h"
#include "runtime/io/json_file.h"
#include "tools/hydra-run/inspect.h"

namespace hydra::tools {
namespace {

std::string Shape(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

Json RecordJson(const artifact::EntryInfo& entry) {
  Json fields = Json::array();
  for (const artifact::NamedBuffer& field : entry.record) {
    fields.push_back({{"name", field.name},
                      {"type", hal::ElementTypeName(field.type)},
                      {"shape", field.shape},
                      {"reduce", artifact::ReduceName(field.reduce)}});
  }
  return fields;
}

std::string EntriesText(const artifact::ArtifactInfo& info, Json& json) {
  Table table(
      {"entry", "variant", "commands", "kernels", "matmuls", "collectives", "arena", "GFLOP"},
      "llrrrrrr");
  for (const artifact::EntryInfo& entry : info.entries) {
    const app::CommandCounts counts = app::CountCommands(entry);
    const std::string label = absl::StrCat(entry.name, "@", entry.batch, "x", entry.seq);
    table.Add({label, entry.variant, absl::StrCat(counts.commands), absl::StrCat(counts.kernels),
               absl::StrCat(counts.matmuls), absl::StrCat(counts.collectives),
               HumanBytes(entry.arena_bytes),
               absl::StrFormat("%.3f", static_cast<double>(entry.flops) / 1e9)});
    Json inputs = Json::array(), outputs = Json::array();
    for (const artifact::NamedBuffer& buffer : entry.inputs) inputs.push_back(buffer.name);
    for (const artifact::NamedBuffer& buffer : entry.outputs) outputs.push_back(buffer.name);
    json.push_back({{"name", entry.name},
                    {"batch", entry.batch},
                    {"seq", entry.seq},
                    {"variant", entry.variant},
                    {"commands", counts.commands},
                    {"kernel_commands", counts.kernels},
                    {"matmul_commands", counts.matmuls},
                    {"collective_commands", counts.collectives},
                    {"arena_bytes", entry.arena_bytes},
                    {"flops", entry.flops},
                    {"inputs", std::move(inputs)},
                    {"outputs", std::move(outputs)},
                    {"record", RecordJson(entry)}});
  }
  return table.Text();
}

// The fields of the step record, those of all variants of an entry in one line each; "" if there
// are none.
std::string RecordText(const artifact::ArtifactInfo& info) {
  Table table({"record field", "of", "type", "shape", "micro-batches"}, "lllll");
  std::set<std::vector<std::string>> seen;
  for (const artifact::EntryInfo& entry : info.entries) {
    for (const artifact::NamedBuffer& field : entry.record) {
      const std::vector<std::string> row = {
          field.name, entry.name, std::string(hal::ElementTypeName(field.type)), Shape(field.shape),
          std::string(artifact::ReduceName(field.reduce))};
      if (seen.insert(row).second) table.Add(row);
    }
  }
  return seen.empty() ? "" : absl::StrCat(table.Text(), "\n");
}

std::string RegionsText(const artifact::ArtifactInfo& info, Json& json) {
  Table table({"memory", "planned"}, "lr");
  uint64_t total = 0;
  for (int i = 0; i < hal::kRegionCount; ++i) {
    const absl::string_view name = hal::RegionName(static_cast<hal::Region>(i));
    json[std::string(name)] = info.region_bytes[i];
    if (info.region_bytes[i] == 0) continue;
    total += info.region_bytes[i];
    table.Add({std::string(name), HumanBytes(info.region_bytes[i])});
  }
  table.Add({"total", HumanBytes(total)});
  return table.Text();
}

std::string ParametersText(const artifact::ArtifactInfo& info, Json& json, int64_t& count) {
  Table table({"parameter", "shape", "initial", "lr factor", "decay factor"}, "lllrr");
  for (const artifact::ParameterInfo& parameter : info.parameters) {
    count += static_cast<int64_t>(parameter.buffer.elements());
    const bool normal = parameter.init_kind == artifact::InitKind::kNormal;
    table.Add({parameter.name, Shape(parameter.buffer.shape),
               normal
                   ? absl::StrFormat("normal %g", parameter.init_value * parameter.residual_scale)
                   : absl::StrFormat("%g", parameter.init_value * parameter.residual_scale),
               absl::StrFormat("%g", parameter.lr_factor),
               absl::StrFormat("%g", parameter.decay_factor)});
    json.push_back({{"name", parameter.name},
                    {"aliases", parameter.aliases},
                    {"shape", parameter.buffer.shape},
                    {"init", normal ? "normal" : "constant"},
                    {"init_value", parameter.init_value},
                    {"residual_scale", parameter.residual_scale},
                    {"lr_factor", parameter.lr_factor},
                    {"decay_factor", parameter.decay_factor}});
  }
  return table.Text();
}

std::string SectionsText(const artifact::ArtifactInfo& info, Json& json) {
  Table table({"section", "name", "offset", "bytes"}, "llrr");
  for (const artifact::SectionInfo& section : info.sections) {
    const std::string kind(artifact::SectionKindName(section.kind));
    table.Add({kind, section.name, absl::StrCat(section.offset), HumanBytes(section.bytes)});
    json.push_back({{"kind", kind},
                    {"name", section.name},
                    {"offset", section.offset},
                    {"bytes", section.bytes}});
  }
  return table.Text();
}

// "routing     dynamic, depth selected in extend by prefix\n", or "" where there is nothing to
// route.
std::string RoutingText(const artifact::Artifact& artifact) {
  const std::string routing = app::CompileSettingOf(artifact, "routing");
  std::string rules;
  for (const char* entry : {"extend", "eval"}) {
    const std::string rule = app::SelectionRuleOf(artifact, entry);
    if (!rule.empty()) absl::StrAppend(&rules, ", depth selected in ", entry, " by ", rule);
  }
  return routing.empty() ? "" : absl::StrCat("routing     ", routing, rules, "\n");
}

// What the kernels of target cuda take of a GPU; an empty report for other targets.
absl::StatusOr<GpuReport> GpuReportOf(const artifact::Artifact& artifact) {
  const absl::Span<const uint8_t> ledger = artifact.Section(artifact::SectionKind::kLedger);
  if (artifact.info().target != "cuda" || ledger.empty()) return GpuReport();
  HYDRA_ASSIGN_OR_RETURN(const JsonDocument document,
                         JsonDocument::Parse(std::string(ledger.begin(), ledger.end()),
                                             absl::StrCat(artifact.path(), ": section ledger")));
  return ReadGpuReport(document.root());
}

Json GpuCodeJson(const GpuReport& report) {
  Json levels = Json::array();
  for (const GpuLevelReport& level : report.levels) {
    Json kernels = Json::array();
    for (const GpuKernelReport& kernel : level.kernels) {
      kernels.push_back({{"name", kernel.name},
                         {"threads", kernel.threads},
                         {"registers", kernel.registers},
                         {"stack_bytes", kernel.stack_bytes},
                         {"spill_store_bytes", kernel.spill_store_bytes},
                         {"spill_load_bytes", kernel.spill_load_bytes},
                         {"shared_bytes", kernel.shared_bytes},
                         {"resident_blocks", kernel.resident_blocks},
                         {"occupancy_percent", kernel.occupancy_percent}});
    }
    levels.push_back({{"level", level.level}, {"kernels", std::move(kernels)}});
  }
  return {{"assembler", report.assembler}, {"levels", std::move(levels)}};
}

Json Names(const std::vector<artifact::NamedBuffer>& buffers) {
  Json names = Json::array();
  for (const artifact::NamedBuffer& buffer : buffers) names.push_back(buffer.name);
  return names;
}

// What a bundle has beside its program: weights, and the run that they come from. Null for none.
absl::StatusOr<Json> DescribeBundle(const artifact::Artifact& artifact, std::string& text) {
  if (!artifact.is_bundle()) return Json(nullptr);
  HYDRA_ASSIGN_OR_RETURN(const app::Bundle bundle, app::Bundle::Of(artifact));
  HYDRA_ASSIGN_OR_RETURN(const SafetensorsFile weights, artifact.OpenWeights());
  const train::RunRecord& run = bundle.run();
  absl::StrAppend(&text, "bundle      weights of step ", run.step, " of ", run.run_id,
                  ", tokenizer ", run.tokenizer.empty() ? "unknown" : run.tokenizer, "\n");
  return Json{{"run_id", run.run_id},
              {"step", run.step},
              {"tokenizer", run.tokenizer},
              {"tensors", weights.tensors().size()}};
}

}  // namespace

absl::StatusOr<Inspection> InspectArtifact(const std::string& path) {
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<artifact::Artifact> artifact,
                         artifact::Artifact::Open(path));
  const artifact::ArtifactInfo& info = artifact->info();
  Json entries = Json::array(), regions = Json::object(), parameters = Json::array(),
       sections = Json::array();
  int64_t count = 0;
  const std::string parameter_text = ParametersText(info, parameters, count);
  const std::optional<JsonDocument> settings = app::CompileSettingsOf(*artifact);
  HYDRA_ASSIGN_OR_RETURN(const GpuReport gpu, GpuReportOf(*artifact));
  Inspection result;
  absl::StrAppend(&result.text, "artifact    ", path, " (", HumanBytes(artifact->file_bytes()),
                  ")\nmodel       ", info.model, ", ", WithCommas(count), " parameters in ",
                  info.parameters.size(), " tensors, rules ", info.rules, "\nformat      ",
                  info.version_major, ".", info.version_minor, "\ntarget      ", info.target, " (",
                  absl::StrJoin(info.isa_levels, ", "), ")\nprecision   ", info.precision,
                  "\ncompiler    ", info.compiler_build, "\nvocabulary  ", info.vocab_size,
                  "\ncache       ", info.cache_len, " positions\nkernels     ", info.kernels.size(),
                  "\n", RoutingText(*artifact));
  HYDRA_ASSIGN_OR_RETURN(Json bundle, DescribeBundle(*artifact, result.text));
  absl::StrAppend(&result.text, "\n", EntriesText(info, entries), "\n", RecordText(info),
                  RegionsText(info, regions), "\n", parameter_text, "\n",
                  SectionsText(info, sections));
  const std::string gpu_text = GpuReportText(gpu);
  if (!gpu_text.empty()) absl::StrAppend(&result.text, "\n", gpu_text);
  result.json = {{"kind", artifact->is_bundle() ? "bundle" : "artifact"},
                 {"bundle", std::move(bundle)},
                 {"path", path},
                 {"bytes", artifact->file_bytes()},
                 {"content_hash", absl::StrFormat("%016x", artifact->content_hash())},
                 {"version", absl::StrCat(info.version_major, ".", info.version_minor)},
                 {"model", info.model},
                 {"rules", info.rules},
                 {"target", info.target},
                 {"precision", info.precision},
                 {"settings", settings ? CopyOf(settings->root()) : Json(nullptr)},
                 {"isa_levels", info.isa_levels},
                 {"compiler", info.compiler_build},
                 {"vocab_size", info.vocab_size},
                 {"dim", info.dim},
                 {"max_seq_len", info.max_seq_len},
                 {"cache_len", info.cache_len},
                 {"parameter_count", count},
                 {"kernels", info.kernels.size()},
                 {"memory", std::move(regions)},
                 {"entries", std::move(entries)},
                 {"control", Names(info.control)},
                 {"control_state", Names(info.control_state)},
                 {"optimizer", Names(info.optimizer)},
                 {"parameters", std::move(parameters)},
                 {"sections", std::move(sections)}};
  if (!gpu.levels.empty()) result.json["gpu_code"] = GpuCodeJson(gpu);
  return result;
}

}  // namespace hydra::tools
