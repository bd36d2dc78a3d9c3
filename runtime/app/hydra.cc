#include "runtime/app/hydra.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/app/bundle.h"
#include "runtime/app/tools.h"
#include "runtime/artifact/artifact.h"
#include "runtime/base/status.h"
#include "runtime/exec/session.h"
#include "runtime/exec/variant_choice.h"
#include "runtime/train/checkpoint_store.h"
#include "runtime/train/executor_engine.h"
#include "runtime/train/phase_for_use.h"
#include "runtime/train/weights.h"

struct hydra_model {
  hydra::Session session;
  std::vector<std::string> entries;
  std::string variant;  // of entries that are named without one
  hydra::ControlBlock control;
};

struct hydra_launch {
  std::unique_ptr<hydra::Launch> launch;
};

namespace {

using hydra::artifact::EntryInfo;
using hydra::artifact::NamedBuffer;

thread_local std::string last_error;

// Remembers the text of an error and returns its kind.
hydra_status Report(const absl::Status& status) {
  if (status.ok()) {
    last_error.clear();
    return HYDRA_OK;
  }
  last_error = std::string(status.message());
  const int kind = hydra::ExitCodeFor(status);
  return kind <= HYDRA_NUMERICAL ? static_cast<hydra_status>(kind) : HYDRA_FAILURE;
}

absl::Status Missing(const char* what) {
  return hydra::UsageError(absl::StrCat(what, " must not be NULL"));
}

absl::StatusOr<std::unique_ptr<hydra_model>> OpenArtifact(const std::string& path, int threads) {
  hydra::SessionOptions options;
  options.threads = threads;
  HYDRA_ASSIGN_OR_RETURN(hydra::Session session, hydra::Session::Open(path, options));
  std::vector<std::string> entries;
  for (const EntryInfo& entry : session.info().entries) entries.push_back(entry.Label());
  std::string variant(hydra::VariantForUse(session.info(), "eval"));
  HYDRA_ASSIGN_OR_RETURN(hydra::ControlBlock control, hydra::ControlBlock::Create(session.info()));
  return std::make_unique<hydra_model>(
      hydra_model{std::move(session), std::move(entries), std::move(variant), std::move(control)});
}

// Routes as in the last step of the run that the weights come from.
absl::Status RouteAsIn(const hydra::train::RunRecord& run, hydra_model& model) {
  HYDRA_ASSIGN_OR_RETURN(const hydra::train::PhaseForUse phase,
                         hydra::train::ChoosePhase(hydra::train::FactsOf(model.session.executor()),
                                                   &run, std::nullopt));
  if (phase.variant.empty()) return absl::OkStatus();
  model.variant = phase.variant;
  // Values that the program does not have are of no use to it.
  for (const auto& [name, value] : phase.controls) model.control.Set(name, value);
  return model.session.executor().WriteControl(model.control);
}

absl::StatusOr<std::unique_ptr<hydra::train::ExecutorEngine>> EngineOf(const hydra_model& model) {
  return hydra::train::ExecutorEngine::Create(model.session.executor(), {.training = false});
}

// An artifact, with its weights if it is a bundle.
absl::StatusOr<std::unique_ptr<hydra_model>> OpenFile(const std::string& path, int threads) {
  HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<hydra_model> model, OpenArtifact(path, threads));
  const hydra::artifact::Artifact& artifact = model->session.executor().artifact();
  if (!artifact.is_bundle()) return model;
  HYDRA_ASSIGN_OR_RETURN(const hydra::app::Bundle bundle, hydra::app::Bundle::Of(artifact));
  HYDRA_ASSIGN_OR_RETURN(const auto engine, EngineOf(*model));
  HYDRA_RETURN_IF_ERROR(bundle.RestoreParameters(*engine));
  HYDRA_RETURN_IF_ERROR(RouteAsIn(bundle.run(), *model));
  return model;
}

// The artifact of a checkpoint with its weights.
absl::StatusOr<std::unique_ptr<hydra_model>> OpenCheckpoint(const std::string& path, int threads) {
  HYDRA_ASSIGN_OR_RETURN(const hydra::train::Checkpoint checkpoint,
                         hydra::train::OpenCheckpoint(path));
  if (checkpoint.artifact_path().empty()) {
    return hydra::InputError(absl::StrCat(
        checkpoint.path(),
        ": expected a checkpoint with its artifact, found one without; compile its model with "
        "hydra-opt, open the artifact and load ",
        checkpoint.weights_path()));
  }
  HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<hydra_model> model,
                         OpenArtifact(checkpoint.artifact_path(), threads));
  HYDRA_ASSIGN_OR_RETURN(const auto engine, EngineOf(*model));
  HYDRA_RETURN_IF_ERROR(checkpoint.RestoreParameters(*engine));
  HYDRA_RETURN_IF_ERROR(RouteAsIn(checkpoint.run(), *model));
  return model;
}

absl::Status OpenModel(const char* path, int threads, hydra_model** model) {
  if (path == nullptr) return Missing("path");
  std::error_code ignored;
  HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<hydra_model> opened,
                         std::filesystem::is_directory(path, ignored)
                             ? OpenCheckpoint(path, threads)
                             : OpenFile(path, threads));
  *model = opened.release();
  return absl::OkStatus();
}

absl::Status LoadWeights(hydra_model& model, const char* path) {
  HYDRA_ASSIGN_OR_RETURN(const hydra::train::WeightsSource source,
                         hydra::train::WeightsSource::Open(path));
  HYDRA_ASSIGN_OR_RETURN(const auto engine, EngineOf(model));
  return hydra::train::LoadWeights(source, *engine).status();
}

absl::Status OpenLaunch(hydra_model& model, const char* entry, hydra_launch** launch) {
  if (entry == nullptr) return Missing("entry");
  for (const EntryInfo& candidate : model.session.info().entries) {
    const std::string label = candidate.Label();
    if (label != entry && label != absl::StrCat(entry, ":", model.variant)) continue;
    HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<hydra::Launch> prepared,
                           model.session.executor().Prepare(candidate));
    *launch = new hydra_launch{std::move(prepared)};
    return absl::OkStatus();
  }
  return hydra::UsageError(absl::StrCat("there is no entry '", entry,
                                        "'; present: ", absl::StrJoin(model.entries, ", ")));
}

absl::Status SetControl(hydra_model& model, const char* name, double value) {
  if (model.control.Set(name, value)) return model.session.executor().WriteControl(model.control);
  std::vector<std::string> names;
  for (const NamedBuffer& buffer : model.session.info().control) names.push_back(buffer.name);
  return hydra::UsageError(absl::StrCat("there is no control value '", name,
                                        "'; present: ", absl::StrJoin(names, ", ")));
}

absl::Status Describe(absl::Span<const NamedBuffer* const> buffers, size_t index,
                      hydra_tensor* tensor) {
  if (tensor == nullptr) return Missing("tensor");
  if (index >= buffers.size()) {
    return hydra::UsageError(absl::StrCat("tensor ", index, " of ", buffers.size()));
  }
  const NamedBuffer& buffer = *buffers[index];
  *tensor = {buffer.name.c_str(), static_cast<hydra_type>(buffer.type), buffer.shape.size(),
             buffer.shape.data(), buffer.ref.bytes};
  return absl::OkStatus();
}

absl::Status CheckBytes(const NamedBuffer& buffer, uint64_t bytes) {
  if (bytes == buffer.ref.bytes) return absl::OkStatus();
  return hydra::UsageError(
      absl::StrCat("tensor ", buffer.name, " has ", buffer.ref.bytes, " bytes, found ", bytes));
}

absl::Status Write(hydra_launch& launch, const char* input, const void* values, uint64_t bytes) {
  if (input == nullptr || (values == nullptr && bytes > 0)) return Missing("input and values");
  HYDRA_ASSIGN_OR_RETURN(const NamedBuffer* buffer,
                         hydra::FindBuffer(launch.launch->entry().inputs, input, "input"));
  HYDRA_RETURN_IF_ERROR(CheckBytes(*buffer, bytes));
  return launch.launch->SetInputBytes(
      *buffer, absl::MakeConstSpan(static_cast<const uint8_t*>(values), bytes));
}

absl::Status Read(hydra_launch& launch, const char* output, void* values, uint64_t bytes) {
  if (output == nullptr || (values == nullptr && bytes > 0)) return Missing("output and values");
  HYDRA_ASSIGN_OR_RETURN(const NamedBuffer* buffer,
                         hydra::FindResult(launch.launch->entry(), output));
  HYDRA_RETURN_IF_ERROR(CheckBytes(*buffer, bytes));
  return launch.launch->ReadOutputBytes(*buffer, 0,
                                        absl::MakeSpan(static_cast<uint8_t*>(values), bytes), 0, 0);
}

// A copy that hydra_text_free frees; NULL for "".
absl::Status GiveText(const std::string& text, char** to) {
  if (text.empty()) return absl::OkStatus();
  *to = static_cast<char*>(std::malloc(text.size() + 1));
  if (*to == nullptr) return hydra::OutOfMemoryError("cannot get memory for a result");
  std::memcpy(*to, text.c_str(), text.size() + 1);
  return absl::OkStatus();
}

absl::Status ListTools(char** names) {
  HYDRA_ASSIGN_OR_RETURN(const std::vector<std::string> tools, hydra::app::ListTools());
  return GiveText(absl::StrJoin(tools, "\n") + "\n", names);
}

absl::Status RunTool(const char* name, const char* const* arguments, size_t count, char** json) {
  std::vector<std::string> given;
  for (size_t i = 0; i < count; ++i) {
    if (arguments == nullptr || arguments[i] == nullptr) return Missing("arguments");
    given.emplace_back(arguments[i]);
  }
  HYDRA_ASSIGN_OR_RETURN(const hydra::app::ToolResult result, hydra::app::RunTool(name, given));
  HYDRA_RETURN_IF_ERROR(GiveText(result.json, json));
  return result.status;
}

}  // namespace

extern "C" {

const char* hydra_version(void) { return HYDRA_VERSION; }

const char* hydra_last_error(void) { return last_error.c_str(); }

hydra_status hydra_model_open(const char* path, int threads, hydra_model** model) {
  if (model == nullptr) return Report(Missing("model"));
  *model = nullptr;
  return Report(OpenModel(path, threads, model));
}

void hydra_model_close(hydra_model* model) { delete model; }

hydra_status hydra_model_initialize(hydra_model* model, uint64_t seed) {
  if (model == nullptr) return Report(Missing("model"));
  return Report(model->session.executor().InitializeParameters(seed));
}

hydra_status hydra_model_load_weights(hydra_model* model, const char* path) {
  if (model == nullptr || path == nullptr) return Report(Missing("model and path"));
  return Report(LoadWeights(*model, path));
}

hydra_status hydra_model_reset_cache(hydra_model* model) {
  if (model == nullptr) return Report(Missing("model"));
  return Report(model->session.executor().ResetCache());
}

hydra_status hydra_model_set_control(hydra_model* model, const char* name, double value) {
  if (model == nullptr || name == nullptr) return Report(Missing("model and name"));
  return Report(SetControl(*model, name, value));
}

size_t hydra_model_entry_count(const hydra_model* model) {
  return model == nullptr ? 0 : model->entries.size();
}

const char* hydra_model_variant(const hydra_model* model) {
  return model == nullptr ? nullptr : model->variant.c_str();
}

const char* hydra_model_entry(const hydra_model* model, size_t index) {
  if (model == nullptr || index >= model->entries.size()) return nullptr;
  return model->entries[index].c_str();
}

hydra_status hydra_launch_open(hydra_model* model, const char* entry, hydra_launch** launch) {
  if (model == nullptr || launch == nullptr) return Report(Missing("model and launch"));
  *launch = nullptr;
  return Report(OpenLaunch(*model, entry, launch));
}

void hydra_launch_close(hydra_launch* launch) { delete launch; }

size_t hydra_launch_input_count(const hydra_launch* launch) {
  return launch == nullptr ? 0 : launch->launch->entry().inputs.size();
}

size_t hydra_launch_output_count(const hydra_launch* launch) {
  return launch == nullptr ? 0 : launch->launch->entry().Results().size();
}

hydra_status hydra_launch_input(const hydra_launch* launch, size_t index, hydra_tensor* tensor) {
  if (launch == nullptr) return Report(Missing("launch"));
  std::vector<const NamedBuffer*> inputs;
  for (const NamedBuffer& input : launch->launch->entry().inputs) inputs.push_back(&input);
  return Report(Describe(inputs, index, tensor));
}

hydra_status hydra_launch_output(const hydra_launch* launch, size_t index, hydra_tensor* tensor) {
  if (launch == nullptr) return Report(Missing("launch"));
  return Report(Describe(launch->launch->entry().Results(), index, tensor));
}

hydra_status hydra_launch_write(hydra_launch* launch, const char* input, const void* values,
                                uint64_t bytes) {
  if (launch == nullptr) return Report(Missing("launch"));
  return Report(Write(*launch, input, values, bytes));
}

hydra_status hydra_launch_run(hydra_launch* launch) {
  if (launch == nullptr) return Report(Missing("launch"));
  return Report(launch->launch->Run());
}

hydra_status hydra_launch_read(hydra_launch* launch, const char* output, void* values,
                               uint64_t bytes) {
  if (launch == nullptr) return Report(Missing("launch"));
  return Report(Read(*launch, output, values, bytes));
}

hydra_status hydra_list_tools(char** names) {
  if (names == nullptr) return Report(Missing("names"));
  *names = nullptr;
  return Report(ListTools(names));
}

hydra_status hydra_run_tool(const char* name, const char* const* arguments, size_t count,
                            char** json) {
  if (name == nullptr || json == nullptr) return Report(Missing("name and json"));
  *json = nullptr;
  return Report(RunTool(name, arguments, count, json));
}

void hydra_text_free(char* text) { std::free(text); }

}  // extern "C"
