// The contents of checkpoints, safetensors and token files.
#include <filesystem>
#include <system_error>

#include "absl/strings/str_join.h"
#include "runtime/app/model.h"
#include "runtime/data/dataset.h"
#include "runtime/data/token_file.h"
#include "runtime/io/safetensors.h"
#include "runtime/train/checkpoint.h"
#include "tools/hydra-run/inspect.h"

namespace hydra::tools {

absl::StatusOr<Inspection> InspectSafetensors(const std::string& path) {
  HYDRA_ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Open(path));
  Inspection result;
  Json tensors = Json::array();
  Table table({"tensor", "type", "shape", "bytes"}, "lllr");
  int64_t elements = 0;
  uint64_t bytes = 0;
  for (const TensorView& tensor : file.tensors()) {
    elements += tensor.num_elements();
    bytes += tensor.bytes.size();
    const std::string type(DTypeName(tensor.dtype));
    table.Add({tensor.name, type, absl::StrCat("[", absl::StrJoin(tensor.shape, ", "), "]"),
               HumanBytes(tensor.bytes.size())});
    tensors.push_back({{"name", tensor.name},
                       {"dtype", type},
                       {"shape", tensor.shape},
                       {"bytes", tensor.bytes.size()}});
  }
  absl::StrAppend(&result.text, "safetensors  ", path, "\ntensors      ", file.tensors().size(),
                  ", ", WithCommas(elements), " elements, ", HumanBytes(bytes), "\n");
  for (const auto& [key, value] : file.metadata()) {
    absl::StrAppend(&result.text, "metadata     ", key, " = ", value.substr(0, 200), "\n");
  }
  absl::StrAppend(&result.text, "\n", table.Text());
  result.json = {{"kind", "safetensors"},       {"path", path},
                 {"elements", elements},        {"bytes", bytes},
                 {"metadata", file.metadata()}, {"tensors", std::move(tensors)}};
  return result;
}

absl::StatusOr<Inspection> InspectTokens(const std::string& path) {
  HYDRA_ASSIGN_OR_RETURN(const data::TokenFile file, data::TokenFile::Open(path));
  HYDRA_RETURN_IF_ERROR(file.Verify());
  Inspection result;
  absl::StrAppend(&result.text, "tokens      ", path, "\ncount       ",
                  WithCommas(static_cast<int64_t>(file.size())), "\nvocabulary  ",
                  file.vocab_size(), "\nwidth       ", file.token_width(), " bytes\nhash        ",
                  file.hash().ToHex(), "\n");
  result.json = {{"kind", "tokens"},
                 {"path", path},
                 {"count", file.size()},
                 {"vocab_size", file.vocab_size()},
                 {"token_width", file.token_width()},
                 {"hash", file.hash().ToHex()}};
  return result;
}

absl::StatusOr<Inspection> InspectData(const std::string& directory) {
  HYDRA_ASSIGN_OR_RETURN(const data::Dataset dataset, data::Dataset::Open(directory));
  const data::TokenShards* held_out = dataset.validation();
  const uint64_t validation = held_out == nullptr ? 0 : held_out->size();
  Inspection result;
  absl::StrAppend(&result.text, "data        ", directory, " (every file intact)\ntokenizer   ",
                  dataset.tokenizer(), ", vocabulary ", dataset.vocab_size(), "\ntraining    ",
                  WithCommas(static_cast<int64_t>(dataset.train().size())), " tokens\nheld out    ",
                  WithCommas(static_cast<int64_t>(validation)), " tokens\nfingerprint ",
                  dataset.fingerprint(), "\n");
  result.json = {{"kind", "data"},
                 {"path", directory},
                 {"tokenizer", dataset.tokenizer()},
                 {"vocab_size", dataset.vocab_size()},
                 {"train_tokens", dataset.train().size()},
                 {"validation_tokens", validation},
                 {"fingerprint", dataset.fingerprint()}};
  return result;
}

absl::StatusOr<Inspection> InspectCheckpoint(const std::string& path) {
  HYDRA_ASSIGN_OR_RETURN(const train::Checkpoint checkpoint,
                         app::OpenCheckpointWithWarnings(path, ConsoleNotices()));
  const train::RunRecord& run = checkpoint.run();
  Inspection result;
  Json files = Json::array();
  Table table({"file", "bytes"}, "lr");
  for (const std::string& file : checkpoint.files()) {
    std::error_code error;
    const uint64_t bytes =
        std::filesystem::file_size(std::filesystem::path(checkpoint.path()) / file, error);
    if (error) return InputError(absl::StrCat(file, ": ", error.message()));
    table.Add({file, HumanBytes(bytes)});
    files.push_back({{"file", file}, {"bytes", bytes}});
  }
  absl::StrAppend(&result.text, "checkpoint  ", checkpoint.path(),
                  " (every file intact)\nrun         ", run.run_id, "\nstep        ", run.step,
                  ", ", WithCommas(run.total_tokens), " tokens\nmodel       ", run.facts.model,
                  ", ", WithCommas(run.facts.parameter_count), " parameters\nartifact    ",
                  run.facts.artifact_hash, " (", run.facts.target, ", ", run.facts.isa_level,
                  ")\ncompiler    ", run.facts.compiler_build, "\ndata        ",
                  run.data_fingerprint.empty()
                      ? "none: the weights were imported"
                      : absl::StrCat(run.data_fingerprint, ", tokenizer ", run.tokenizer),
                  "\n\n", table.Text(), "\n");
  Table settings({"setting", "value"}, "ll");
  for (const auto& [key, value] : run.settings) settings.Add({key, value});
  absl::StrAppend(&result.text, settings.Text());
  result.json = {{"kind", "checkpoint"},
                 {"path", checkpoint.path()},
                 {"run_id", run.run_id},
                 {"step", run.step},
                 {"total_tokens", run.total_tokens},
                 {"model", run.facts.model},
                 {"parameter_count", run.facts.parameter_count},
                 {"artifact_hash", run.facts.artifact_hash},
                 {"target", run.facts.target},
                 {"isa_level", run.facts.isa_level},
                 {"compiler", run.facts.compiler_build},
                 {"libraries", run.facts.library_versions},
                 {"runtime", run.facts.runtime},
                 {"data_fingerprint", run.data_fingerprint},
                 {"tokenizer", run.tokenizer},
                 {"settings", run.settings},
                 {"files", std::move(files)}};
  return result;
}

}  // namespace hydra::tools
