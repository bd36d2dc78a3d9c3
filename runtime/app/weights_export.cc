#include "runtime/app/weights_export.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/app/model.h"
#include "runtime/data/tokenizer.h"
#include "runtime/io/atomic_file.h"
#include "runtime/io/json_file.h"
#include "runtime/io/json_value.h"
#include "runtime/io/mapped_file.h"
#include "runtime/io/output_guard.h"
#include "runtime/io/posix_file.h"
#include "runtime/io/safetensors.h"
#include "runtime/train/checkpoint.h"
#include "runtime/train/weights_conversion.h"

namespace hydra::app {
namespace {

constexpr char kSingleFile[] = "model.safetensors";
constexpr char kIndexFile[] = "model.safetensors.index.json";
constexpr uint64_t kPiece = 1 << 20;
constexpr uint64_t kLargestSpec = uint64_t{1} << 28;

bool IsSafetensorsFile(const std::string& path) { return SafetensorsFile::Open(path).ok(); }

bool IsExportedFile(absl::string_view name) {
  return (absl::StartsWith(name, "model-") && absl::EndsWith(name, ".safetensors")) ||
         name == kSingleFile || name == kIndexFile || name == kModelConfigFile ||
         name == kModelSpecFile || name == data::kTokenizerJson || name == data::kTokenizerModel;
}

// The weights as they are in the checkpoint, which has them under their state-dict names.
absl::Status Copy(const std::string& from, AtomicFile file) {
  HYDRA_ASSIGN_OR_RETURN(const MappedFile weights, MappedFile::Open(from));
  const uint64_t bytes = weights.bytes().size();
  std::vector<uint8_t> piece;
  for (uint64_t done = 0; done < bytes; done += piece.size()) {
    piece.resize(std::min<uint64_t>(kPiece, bytes - done));
    HYDRA_RETURN_IF_ERROR(weights.Read(done, absl::MakeSpan(piece)));
    HYDRA_RETURN_IF_ERROR(file.Append(piece));
  }
  return file.Commit();
}

uint64_t BytesAs(const TensorView& tensor, DType type) {
  return static_cast<uint64_t>(tensor.num_elements()) * DTypeSize(type);
}

// The values of an F32 tensor as another type.
absl::Status Convert(const TensorView& tensor, DType type, std::vector<uint8_t>& bytes) {
  HYDRA_ASSIGN_OR_RETURN(const std::vector<float> values, tensor.Copy<float>());
  bytes.resize(BytesAs(tensor, type));
  const std::optional<size_t> large = train::ConvertFromFloat(values, type, absl::MakeSpan(bytes));
  if (!large) return absl::OkStatus();
  return NumericalError(absl::StrCat("tensor ", tensor.name, ": element ", *large, " is ",
                                     values[*large], ", larger than any ", DTypeName(type),
                                     " number; export another --type"));
}

// Tensors of one file in the order that they have here.
absl::Status WriteTensors(AtomicFile file, const std::vector<const TensorView*>& tensors,
                          DType type) {
  std::vector<TensorSpec> specs;
  for (const TensorView* tensor : tensors) specs.push_back({tensor->name, type, tensor->shape});
  // What readers of the format expect of weights for PyTorch.
  HYDRA_ASSIGN_OR_RETURN(SafetensorsWriter writer,
                         SafetensorsWriter::Create(std::move(file), {{"format", "pt"}}, specs));
  std::vector<uint8_t> bytes;
  for (const size_t i : writer.layout()) {
    HYDRA_RETURN_IF_ERROR(Convert(*tensors[i], type, bytes));
    HYDRA_RETURN_IF_ERROR(writer.Append(tensors[i]->name, bytes));
  }
  return writer.Finish();
}

// Which tensors go into which file: as many as fit, in order.
std::vector<std::vector<const TensorView*>> Shards(const SafetensorsFile& weights, DType type,
                                                   uint64_t shard_bytes) {
  std::vector<std::vector<const TensorView*>> shards(1);
  uint64_t bytes = 0;
  for (const TensorView& tensor : weights.tensors()) {
    const uint64_t more = BytesAs(tensor, type);
    if (!shards.back().empty() && bytes + more > shard_bytes) {
      shards.emplace_back();
      bytes = 0;
    }
    shards.back().push_back(&tensor);
    bytes += more;
  }
  return shards;
}

absl::Status WriteText(const AtomicDirectory& directory, absl::string_view name,
                       absl::string_view contents) {
  HYDRA_ASSIGN_OR_RETURN(AtomicFile file, directory.CreateFile(name));
  HYDRA_RETURN_IF_ERROR(file.Append(contents));
  return file.Commit();
}

// model.safetensors, or shards and the index that says which tensor is in which.
absl::Status WriteWeights(const AtomicDirectory& directory, const SafetensorsFile& weights,
                          const ExportRequest& request, ExportedWeights& result) {
  const auto shards = Shards(weights, request.type, request.shard_bytes);
  result.files = static_cast<int64_t>(shards.size());
  JsonValue places = JsonValue::object();
  for (size_t i = 0; i < shards.size(); ++i) {
    const std::string name = shards.size() == 1 ? kSingleFile
                                                : absl::StrFormat("model-%05d-of-%05d.safetensors",
                                                                  i + 1, shards.size());
    for (const TensorView* tensor : shards[i]) places[tensor->name] = name;
    HYDRA_ASSIGN_OR_RETURN(AtomicFile file, directory.CreateFile(name));
    HYDRA_RETURN_IF_ERROR(WriteTensors(std::move(file), shards[i], request.type));
  }
  if (shards.size() == 1) return absl::OkStatus();
  const JsonValue index{{"metadata", JsonValue{{"total_size", result.bytes}}},
                        {"weight_map", std::move(places)}};
  return WriteText(directory, kIndexFile, index.Dump(2) + "\n");
}

const char* TorchName(DType type) {
  return type == DType::kBF16 ? "bfloat16" : type == DType::kF16 ? "float16" : "float32";
}

// The model beside its weights: a config with what other programs look for in one, or the spec.
absl::Status WriteModel(const AtomicDirectory& directory, const train::Checkpoint& checkpoint,
                        const ExportRequest& request) {
  const std::string spec = checkpoint.spec_path();
  if (spec.empty()) {
    request.notices.Warn(absl::StrCat(checkpoint.path(), ": has no model spec, so ", request.output,
                                      " has none; importing it again needs --model"));
    return absl::OkStatus();
  }
  HYDRA_ASSIGN_OR_RETURN(const std::string contents, ReadWholeFile(spec, kLargestSpec));
  if (!absl::EndsWith(spec, ".json")) return WriteText(directory, kModelSpecFile, contents);
  HYDRA_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::Parse(contents, spec));
  JsonValue config{{"architectures", JsonValue(std::vector<std::string>{"HydraForCausalLM"})},
                   {"model_type", "hydra"},
                   {"torch_dtype", TorchName(request.type)}};
  HYDRA_ASSIGN_OR_RETURN(const JsonView model, document.root().Get("model"));
  config["model"] = CopyOf(model);
  return WriteText(directory, kModelConfigFile, config.Dump(2) + "\n");
}

absl::Status ExportFile(const ExportRequest& request, const train::Checkpoint& checkpoint,
                        const SafetensorsFile& weights) {
  HYDRA_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(request.output));
  if (request.type == DType::kF32) return Copy(checkpoint.weights_path(), std::move(file));
  std::vector<const TensorView*> tensors;
  for (const TensorView& tensor : weights.tensors()) tensors.push_back(&tensor);
  return WriteTensors(std::move(file), tensors, request.type);
}

absl::Status ExportDirectory(const ExportRequest& request, const train::Checkpoint& checkpoint,
                             const SafetensorsFile& weights, ExportedWeights& result) {
  HYDRA_ASSIGN_OR_RETURN(const std::string tokenizer, checkpoint.TokenizerContents());
  HYDRA_RETURN_IF_ERROR(MakeDirectories(ParentDirectory(request.output)));
  HYDRA_ASSIGN_OR_RETURN(AtomicDirectory directory, AtomicDirectory::Create(request.output));
  HYDRA_RETURN_IF_ERROR(WriteWeights(directory, weights, request, result));
  HYDRA_RETURN_IF_ERROR(WriteModel(directory, checkpoint, request));
  if (!tokenizer.empty()) {
    HYDRA_RETURN_IF_ERROR(WriteText(directory, checkpoint.run().tokenizer, tokenizer));
  }
  return directory.Publish();
}

// Whether a name has the extension of a file: letters, and digits behind the first.
bool NamesOtherFile(absl::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == absl::string_view::npos || dot + 1 >= name.size()) return false;
  const absl::string_view extension = name.substr(dot + 1);
  return absl::ascii_isalpha(static_cast<unsigned char>(extension[0])) &&
         std::all_of(extension.begin(), extension.end(),
                     [](char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); });
}

}  // namespace

absl::StatusOr<ExportedWeights> ExportWeights(ExportRequest request) {
  const bool file = absl::EndsWith(request.output, ".safetensors");
  if (!file && NamesOtherFile(request.output)) {
    return UsageError(absl::StrCat(
        "--output: expected FILE.safetensors or a directory, found '", request.output,
        "', the name of a file of another kind; end it with / if a directory is meant"));
  }
  while (absl::EndsWith(request.output, "/") && request.output.size() > 1) {
    request.output.pop_back();
  }
  if (file && request.shard_bytes_chosen) {
    return UsageError(absl::StrCat("--shard-bytes has no effect on the one file ", request.output,
                                   "; name a directory, or drop it"));
  }
  HYDRA_RETURN_IF_ERROR(
      file ? CheckOutput(request.output, hydra::FileKind{"a safetensors file", IsSafetensorsFile},
                         request.force)
           : CheckOutput(request.output, DirectoryKind{"exported weights", IsExportedFile},
                         request.force));
  HYDRA_ASSIGN_OR_RETURN(const train::Checkpoint checkpoint,
                         OpenCheckpointWithWarnings(request.checkpoint, request.notices));
  HYDRA_ASSIGN_OR_RETURN(const SafetensorsFile weights,
                         SafetensorsFile::Open(checkpoint.weights_path()));
  ExportedWeights result{.checkpoint = checkpoint.path(), .step = checkpoint.run().step};
  for (const TensorView& tensor : weights.tensors()) result.bytes += BytesAs(tensor, request.type);
  HYDRA_RETURN_IF_ERROR(file ? ExportFile(request, checkpoint, weights)
                             : ExportDirectory(request, checkpoint, weights, result));
  return result;
}

}  // namespace hydra::app
