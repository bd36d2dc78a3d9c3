#include "runtime/app/model.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "runtime/app/artifact_facts.h"
#include "runtime/hal/cuda_driver.h"
#include "runtime/io/posix_file.h"
#include "runtime/toolchain/compile.h"
#include "runtime/toolchain/model_facts.h"
#include "runtime/train/checkpoint_store.h"
#include "runtime/train/executor_engine.h"
#include "runtime/train/weights.h"

namespace hydra::app {
namespace {

namespace fs = std::filesystem;

constexpr char kSelectionRule[] = "mod_rule";
constexpr uint64_t kLargestArtifact = uint64_t{1} << 36;

// The entries as flags of hydra-opt. Sequences that the user did not choose are no longer than the
// model's, which is said.
absl::StatusOr<std::vector<std::string>> EntriesFor(const std::string& spec,
                                                    const std::vector<EntryRequest>& entries,
                                                    const Notices& notices) {
  const bool defaults = std::any_of(entries.begin(), entries.end(),
                                    [](const EntryRequest& entry) { return !entry.seq_chosen; });
  int64_t longest = std::numeric_limits<int64_t>::max();
  if (defaults) {
    HYDRA_ASSIGN_OR_RETURN(longest, toolchain::LongestSequence(spec));
  }
  std::vector<std::string> texts;
  bool shortened = false;
  for (EntryRequest entry : entries) {
    if (!entry.seq_chosen && entry.seq > longest) {
      entry.seq = longest;
      shortened = true;
    }
    if (std::find(texts.begin(), texts.end(), entry.Text()) == texts.end()) {
      texts.push_back(entry.Text());
    }
  }
  if (shortened) {
    notices.Note(absl::StrCat(spec, ": the model takes at most ", longest,
                              " tokens (max_seq_len); compiling ", absl::StrJoin(texts, ", ")));
  }
  return texts;
}

absl::StatusOr<std::string> Compile(const std::string& spec, const ModelRequest& request,
                                    std::map<std::string, std::string> settings) {
  const bool decodes =
      std::any_of(request.entries.begin(), request.entries.end(),
                  [](const EntryRequest& entry) { return entry.name == "extend"; });
  if (settings.contains("cache") && !decodes) {
    return UsageError(absl::StrCat("--cache has no effect on ", request.command,
                                   ": it is for extend entries, and none is compiled; drop it"));
  }
  // A GPU of this machine gets its own machine code; for another one --arch is given.
  if (settings["target"] == "cuda" && !settings.contains("arch")) {
    const std::optional<hal::GpuFinding> gpu = hal::GpuInUse();
    if (gpu && !gpu->architecture.empty()) {
      settings["arch"] = gpu->architecture;
      request.notices.Note(absl::StrCat("--arch=", gpu->architecture, ": ", gpu->name));
    }
  }
  if (settings["target"].empty()) settings.erase("target");
  HYDRA_ASSIGN_OR_RETURN(const std::vector<std::string> entries,
                         EntriesFor(spec, request.entries, request.notices));
  HYDRA_ASSIGN_OR_RETURN(
      const toolchain::Compiled compiled,
      toolchain::CompileModel({.spec = spec, .entries = entries, .settings = std::move(settings)}));
  request.notices.Note(absl::StrCat(compiled.cached ? "using compiled " : "compiled ", spec, " -> ",
                                    compiled.artifact));
  return compiled.artifact;
}

// Whether the artifact has every kind of entry that is asked for, in the shape that the user chose.
bool HasEntries(const artifact::ArtifactInfo& info, const std::vector<EntryRequest>& entries) {
  return std::all_of(entries.begin(), entries.end(), [&](const EntryRequest& wanted) {
    const std::string name = wanted.name == "train" ? "accumulate" : wanted.name;
    return std::any_of(
        info.entries.begin(), info.entries.end(), [&](const artifact::EntryInfo& entry) {
          return entry.name == name && (!wanted.batch_chosen || entry.batch == wanted.batch) &&
                 (!wanted.seq_chosen || entry.seq == wanted.seq);
        });
  });
}

absl::StatusOr<std::shared_ptr<const artifact::Artifact>> OpenArtifact(const std::string& path) {
  HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<artifact::Artifact> opened,
                         artifact::Artifact::Open(path));
  return std::shared_ptr<const artifact::Artifact>(std::move(opened));
}

absl::Status OpenFromCheckpoint(const ModelRequest& request, Model& model) {
  if (request.checkpoint) {
    model.checkpoint = request.checkpoint;
  } else {
    HYDRA_ASSIGN_OR_RETURN(model.checkpoint,
                           OpenCheckpointWithWarnings(request.model, request.notices));
  }
  model.spec_path = model.checkpoint->spec_path();
  HYDRA_RETURN_IF_ERROR(train::RefuseCompileSettings(
      request.settings, request.checkpoint ? request.checkpoint->path() : request.model,
      absl::StrCat("compile its model anew and take its weights along:\n  hydra-opt ",
                   model.spec_path.empty() ? "MODEL" : model.spec_path,
                   " FLAGS -o NEW.hydra\n  hydra-run ", request.command, " NEW.hydra --weights ",
                   model.checkpoint->weights_path(), " ..."),
      // Of the same weights, where they are only used.
      request.command == "train" ? "" : kSelectionRule));
  const std::string rule = request.settings.Text(kSelectionRule);
  model.artifact_path = model.checkpoint->artifact_path();
  // A program in other shapes, not another program.
  std::map<std::string, std::string> meaning;
  if (!model.artifact_path.empty()) {
    HYDRA_ASSIGN_OR_RETURN(model.artifact, OpenArtifact(model.artifact_path));
    const bool same = rule.empty() || rule == CompileSettingOf(*model.artifact, kSelectionRule);
    if ((same && HasEntries(model.artifact->info(), request.entries)) ||
        (same && model.spec_path.empty())) {
      return absl::OkStatus();
    }
    meaning = MeaningOf(*model.artifact);
  }
  if (model.spec_path.empty()) {
    return InputError(absl::StrCat(model.checkpoint->path(),
                                   ": the checkpoint carries neither an artifact nor a model spec; "
                                   "pass the model and --weights ",
                                   model.checkpoint->weights_path()));
  }
  if (!rule.empty()) meaning[kSelectionRule] = rule;
  // Where nobody names a shape, that of the run, so that rules are compared on the same batches.
  ModelRequest shaped = request;
  for (EntryRequest& entry : shaped.entries) {
    const train::RunRecord& run = model.checkpoint->run();
    if (entry.name == "extend" || entry.batch_chosen || entry.seq_chosen || run.batch == 0)
      continue;
    entry.batch = run.batch;
    entry.seq = run.seq;
  }
  HYDRA_ASSIGN_OR_RETURN(model.artifact_path, Compile(model.spec_path, shaped, std::move(meaning)));
  HYDRA_ASSIGN_OR_RETURN(model.artifact, OpenArtifact(model.artifact_path));
  return absl::OkStatus();
}

absl::Status OpenModel(const ModelRequest& request, Model& model) {
  if (request.checkpoint) return OpenFromCheckpoint(request, model);
  std::error_code ignored;
  if (!fs::exists(request.model, ignored)) {
    return InputError(
        absl::StrCat(request.model,
                     ": expected a model spec (.mlir, .json), an artifact (.hydra) or "
                     "a checkpoint, found nothing"));
  }
  if (fs::is_directory(request.model, ignored)) return OpenFromCheckpoint(request, model);
  if (toolchain::IsModelSpec(request.model)) {
    model.spec_path = request.model;
    HYDRA_ASSIGN_OR_RETURN(model.artifact_path,
                           Compile(request.model, request, request.settings.CompileSettings()));
  } else {
    HYDRA_RETURN_IF_ERROR(train::RefuseCompileSettings(
        request.settings, request.model,
        absl::StrCat("recompile the model:\n  hydra-opt MODEL FLAGS -o ", request.model)));
    model.artifact_path = request.model;
  }
  HYDRA_ASSIGN_OR_RETURN(model.artifact, OpenArtifact(model.artifact_path));
  if (model.artifact->is_bundle()) {
    HYDRA_ASSIGN_OR_RETURN(model.bundle, Bundle::Of(*model.artifact));
  }
  return absl::OkStatus();
}

}  // namespace

EntryRequest EntryRequest::Of(const std::string& name, int64_t batch, int64_t seq) {
  constexpr int64_t kBatch = 8, kSeq = 256;
  return {.name = name,
          .batch = batch == 0 ? kBatch : batch,
          .seq = seq == 0 ? kSeq : seq,
          .batch_chosen = batch != 0,
          .seq_chosen = seq != 0};
}

std::string EntryRequest::Text() const { return absl::StrCat(name, "@", batch, "x", seq); }

std::vector<EntryRequest> DecodingEntries(const train::Settings& settings, int64_t rows) {
  const auto entry = [&](int64_t seq) {
    return EntryRequest{
        .name = "extend", .batch = rows == 0 ? 1 : rows, .seq = seq, .batch_chosen = rows != 0};
  };
  std::vector<EntryRequest> entries = {entry(64), entry(1)};
  // A text is one chunk: as long as hydra-opt's cache, which the model may shorten.
  if (settings.Text(kSelectionRule) == "recompute") {
    constexpr int64_t kLongestCache = 2048;
    entries.push_back(entry(settings.given("cache") ? settings.Integer("cache") : kLongestCache));
  }
  return entries;
}

std::vector<EntryRequest> DefaultEntries(const train::Settings& settings, int64_t batch,
                                         int64_t seq) {
  std::vector<EntryRequest> entries = {EntryRequest::Of("train", batch, seq),
                                       EntryRequest::Of("eval", batch, seq)};
  for (EntryRequest& entry : DecodingEntries(settings)) entries.push_back(std::move(entry));
  return entries;
}

absl::StatusOr<train::Checkpoint> OpenCheckpointWithWarnings(const std::string& path,
                                                             const Notices& notices) {
  HYDRA_ASSIGN_OR_RETURN(train::Checkpoint checkpoint, train::OpenCheckpoint(path));
  for (const std::string& reason : checkpoint.refused()) {
    notices.Warn(absl::StrCat("a newer checkpoint is refused: ", reason));
  }
  if (!checkpoint.refused().empty()) {
    notices.Warn(absl::StrCat("using ", checkpoint.path(), " (step ", checkpoint.run().step, ")"));
  }
  return checkpoint;
}

absl::StatusOr<Model> LoadModel(const ModelRequest& request) {
  Model model;
  model.notices = request.notices;
  HYDRA_RETURN_IF_ERROR(OpenModel(request, model));
  if (model.artifact->info().vocab_size == 0 && request.command != "bench") {
    std::vector<std::string> names;
    for (const artifact::EntryInfo& entry : model.artifact->info().entries) {
      names.push_back(entry.name);
    }
    return InputError(absl::StrCat(request.model, ": expected a model with the entries of ",
                                   request.command, " (train, eval, extend), found the functions ",
                                   absl::StrJoin(names, ", "),
                                   "; compile a spec that has a hydra.model"));
  }
  if (const std::string& target = model.artifact->info().target;
      request.perf_map && target != "cpu") {
    return UsageError(absl::StrCat("--perf-map names kernels of target cpu for perf, found target ",
                                   target, "; drop it or compile with --target=cpu"));
  }
  for (const artifact::EntryInfo& entry : model.artifact->info().entries) {
    for (const artifact::NamedBuffer& input : entry.inputs) {
      if (!absl::StartsWith(input.name, "inject.")) continue;
      return InputError(absl::StrCat(model.artifact_path, ": entry ", entry.name, " expects ",
                                     input.name, ", which ", request.command,
                                     " does not have: the program was compiled with --inject, for "
                                     "a value that another run gives; compile it without"));
    }
  }
  if (request.plan_only && model.artifact->info().target == "cuda" && !hal::GpuInUse()) {
    return model;
  }
  SessionOptions options;
  options.threads = request.threads;
  options.validate = request.validate;
  options.perf_map = request.perf_map;
  options.sim_driver = request.sim_driver;
  options.executor.micro_batches = static_cast<int>(request.micro_batches);
  options.executor.capture = request.capture;
  HYDRA_ASSIGN_OR_RETURN(model.session, ::hydra::Session::Open(model.artifact, options));
  return model;
}

absl::Status LoadWeights(Model& model, const std::string& weights_file, uint64_t seed) {
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<train::ExecutorEngine> engine,
                         train::ExecutorEngine::Create(model.executor(), {.training = false}));
  if (weights_file.empty() && model.bundle) return model.bundle->RestoreParameters(*engine);
  std::string path = weights_file;
  if (path.empty() && model.checkpoint) path = model.checkpoint->weights_path();
  if (path.empty()) {
    model.notices.Warn(
        absl::StrCat("no weights: the model starts from initial values of seed ", seed));
    return engine->InitializeParameters(seed);
  }
  HYDRA_ASSIGN_OR_RETURN(const train::WeightsSource source, train::WeightsSource::Open(path));
  HYDRA_ASSIGN_OR_RETURN(const int64_t converted, train::LoadWeights(source, *engine));
  if (!source.left_out().empty()) {
    model.notices.Note(absl::StrCat(path, ": ", source.left_out().size(),
                                    " buffers of training are no weights and were left out: ",
                                    absl::StrJoin(source.left_out(), ", ")));
  }
  if (converted > 0) {
    model.notices.Note(absl::StrCat(path, ": ", converted, " tensors converted to F32"));
  }
  return absl::OkStatus();
}

const train::RunRecord* Model::run() const {
  return checkpoint ? &checkpoint->run() : bundle ? &bundle->run() : nullptr;
}

const std::string& Model::origin() const { return checkpoint ? checkpoint->path() : artifact_path; }

absl::StatusOr<std::unique_ptr<data::Tokenizer>> Model::OpenTokenizer() const {
  if (checkpoint) return checkpoint->OpenTokenizer();
  if (bundle) return bundle->OpenTokenizer();
  return nullptr;
}

absl::StatusOr<std::string> Model::TokenizerContents() const {
  if (checkpoint) return checkpoint->TokenizerContents();
  return bundle ? bundle->tokenizer_contents() : std::string();
}

absl::StatusOr<train::CheckpointAttachments> AttachmentsOf(const Model& model) {
  if (model.bundle) {
    return InputError(absl::StrCat(
        model.artifact_path,
        ": expected a model to train, found a bundle, which is for serving; train from the "
        "checkpoint or the artifact that it was made of"));
  }
  train::CheckpointAttachments attachments;
  HYDRA_ASSIGN_OR_RETURN(attachments.artifact,
                         ReadWholeFile(model.artifact_path, kLargestArtifact));
  const absl::Span<const uint8_t> read(
      reinterpret_cast<const uint8_t*>(attachments.artifact.data()), attachments.artifact.size());
  const auto again = artifact::Artifact::FromMemory(read, model.artifact_path);
  if (!again.ok() || (*again)->content_hash() != model.artifact->content_hash()) {
    return InputError(
        absl::StrCat(model.artifact_path, ": was replaced while it was loaded; start again"));
  }
  if (!model.spec_path.empty()) {
    attachments.spec_extension = fs::path(model.spec_path).extension().string();
    HYDRA_ASSIGN_OR_RETURN(attachments.spec_contents,
                           ReadWholeFile(model.spec_path, uint64_t{1} << 28));
    return attachments;
  }
  // hydra-opt puts the spec into the artifact; its section is named after the file's extension.
  for (const artifact::SectionInfo& section : model.artifact->info().sections) {
    if (section.kind != artifact::SectionKind::kSpec) continue;
    const absl::Span<const uint8_t> bytes = model.artifact->Bytes(section);
    attachments.spec_contents.assign(bytes.begin(), bytes.end());
    attachments.spec_extension = absl::EndsWith(section.name, "json") ? ".json" : ".mlir";
  }
  return attachments;
}

std::map<std::string, std::string> EnvironmentOf(const Model& model) {
  return {{"device", model.device().description()},
          {"threads", absl::StrCat(model.device().capabilities().workers)},
          {"isa_level", model.executor().isa_level()},
          {"compiler", model.artifact->info().compiler_build},
          {"mod_rule", SelectionRuleOf(*model.artifact, "extend")},
          {"artifact", model.artifact_path}};
}

}  // namespace hydra::app
