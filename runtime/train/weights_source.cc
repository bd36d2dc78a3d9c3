#include "runtime/train/weights_source.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "runtime/io/json_file.h"
#include "runtime/io/posix_file.h"

namespace hydra::train {
namespace {

namespace fs = std::filesystem;

constexpr absl::string_view kSingle = "model.safetensors";
constexpr absl::string_view kIndex = "model.safetensors.index.json";

// What torch.compile and data-parallel training put into names, at any level.
constexpr absl::string_view kWrappers[] = {"module", "_orig_mod"};

// Buffers of a state dict: what its training remembered, not what it learned.
constexpr absl::string_view kBuffers[] = {
    "_aux_loss",     "_expert_counts",         "_expert_counts_accum", "_expert_counts_n",
    "_global_step",  "_forced_expert_id",      "_teacher_loss",        "_tokens_dropped",
    "_tokens_total", "_teacher_target_expert",
};
constexpr absl::string_view kBaseline = "loss_baseline.";

// Rows of qkv_proj.weight in older state dicts, in their order.
constexpr absl::string_view kProjectionParts[] = {"q_down", "k_down", "v_down", "v_shift_down"};

bool IsBuffer(absl::string_view name) {
  if (absl::StartsWith(name, kBaseline)) return true;
  const size_t dot = name.rfind('.');
  const absl::string_view last = dot == name.npos ? name : name.substr(dot + 1);
  return std::find(std::begin(kBuffers), std::end(kBuffers), last) != std::end(kBuffers);
}

// Which part of a joined projection a name is, and the name of the whole; -1: none.
int ProjectionPart(absl::string_view name, std::string& whole) {
  for (int part = 0; part < 4; ++part) {
    const std::string ending = absl::StrCat(".attention.", kProjectionParts[part], ".weight");
    if (!absl::EndsWith(name, ending)) continue;
    whole = absl::StrCat(name.substr(0, name.size() - ending.size()), ".attention.qkv_proj.weight");
    return part;
  }
  return -1;
}

std::string Shape(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

absl::StatusOr<std::string> FileOfDirectory(const std::string& directory) {
  for (const absl::string_view name : {kIndex, kSingle}) {
    std::string path = (fs::path(directory) / std::string(name)).string();
    if (PathExists(path)) return path;
  }
  return InputError(absl::StrCat(directory, ": expected a directory with ", kSingle, " or ", kIndex,
                                 ", found neither"));
}

// The files of an index, and which tensor is where.
absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ReadIndex(
    const std::string& path) {
  HYDRA_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::ReadFile(path));
  HYDRA_ASSIGN_OR_RETURN(const JsonView map, document.root().Get("weight_map"));
  HYDRA_ASSIGN_OR_RETURN(const auto members, map.Object());
  std::vector<std::pair<std::string, std::string>> places;
  for (const auto& [tensor, file] : members) {
    HYDRA_ASSIGN_OR_RETURN(const absl::string_view name, file.String());
    if (name.empty() || absl::StrContains(name, '/') || name == "..") {
      return file.Expected("a file name without directories");
    }
    places.emplace_back(tensor, name);
  }
  if (places.empty()) return map.Expected("at least one tensor");
  return places;
}

}  // namespace

std::string CurrentTensorName(absl::string_view name) {
  std::vector<absl::string_view> levels = absl::StrSplit(name, '.');
  std::erase_if(levels, [](absl::string_view level) {
    return std::find(std::begin(kWrappers), std::end(kWrappers), level) != std::end(kWrappers);
  });
  return absl::StrReplaceAll(absl::StrJoin(levels, "."),
                             {{".attention.q_conv1.", ".attention.q_conv.conv1."},
                              {".attention.q_conv2.", ".attention.q_conv.conv2."},
                              {".attention.k_conv1.", ".attention.k_conv.conv1."},
                              {".attention.k_conv2.", ".attention.k_conv.conv2."}});
}

uint64_t SourceTensor::bytes() const {
  uint64_t sum = 0;
  for (const TensorView* part : parts) sum += part->bytes.size();
  return sum;
}

absl::Status SourceTensor::ReadBytes(absl::Span<uint8_t> to) const {
  for (const TensorView* part : parts) {
    HYDRA_RETURN_IF_ERROR(part->ReadBytes(to.first(part->bytes.size())));
    to.remove_prefix(part->bytes.size());
  }
  return absl::OkStatus();
}

absl::StatusOr<WeightsSource> WeightsSource::Open(const std::string& path) {
  std::error_code ignored;
  std::string first = path;
  if (fs::is_directory(path, ignored)) {
    HYDRA_ASSIGN_OR_RETURN(first, FileOfDirectory(path));
  }
  WeightsSource source;
  source.name_ = path;
  if (!absl::EndsWith(first, ".json")) {
    HYDRA_ASSIGN_OR_RETURN(SafetensorsFile file, SafetensorsFile::Open(first));
    source.owned_.push_back(std::make_unique<SafetensorsFile>(std::move(file)));
    source.paths_.push_back(first);
    HYDRA_RETURN_IF_ERROR(source.Add(*source.owned_.back()));
  } else {
    HYDRA_ASSIGN_OR_RETURN(const auto places, ReadIndex(first));
    std::set<std::string> names;
    for (const auto& [tensor, file] : places) names.insert(file);
    absl::flat_hash_map<std::string, const SafetensorsFile*> files;
    for (const std::string& name : names) {
      const std::string shard = (fs::path(ParentDirectory(first)) / name).string();
      HYDRA_ASSIGN_OR_RETURN(SafetensorsFile file, SafetensorsFile::Open(shard));
      source.owned_.push_back(std::make_unique<SafetensorsFile>(std::move(file)));
      source.paths_.push_back(shard);
      files[name] = source.owned_.back().get();
      HYDRA_RETURN_IF_ERROR(source.Add(*source.owned_.back()));
    }
    for (const auto& [tensor, file] : places) {
      if (files[file]->Find(tensor) != nullptr) continue;
      return InputError(absl::StrCat(first, ": says that tensor '", tensor, "' is in ", file,
                                     ", which has none"));
    }
  }
  HYDRA_RETURN_IF_ERROR(source.Translate());
  return source;
}

WeightsSource WeightsSource::Exactly(const SafetensorsFile& file) {
  WeightsSource source;
  source.name_ = file.source();
  for (const TensorView& tensor : file.tensors()) {
    source.tensors_.push_back({tensor.name, tensor.dtype, tensor.shape, {&tensor}});
  }
  source.Index();
  return source;
}

absl::StatusOr<WeightsSource> WeightsSource::Of(const SafetensorsFile& file) {
  WeightsSource source = Exactly(file);
  HYDRA_RETURN_IF_ERROR(source.Translate());
  return source;
}

absl::Status WeightsSource::Add(const SafetensorsFile& file) {
  for (const TensorView& tensor : file.tensors()) {
    tensors_.push_back({tensor.name, tensor.dtype, tensor.shape, {&tensor}});
  }
  return absl::OkStatus();
}

absl::Status WeightsSource::Translate() {
  struct Joined {
    const SourceTensor* parts[4] = {};
  };
  std::vector<SourceTensor> given = std::move(tensors_);
  tensors_.clear();
  std::vector<std::pair<std::string, Joined>> joined;  // in the order of their first parts
  for (SourceTensor& tensor : given) {
    tensor.name = CurrentTensorName(tensor.name);
    std::string whole;
    if (IsBuffer(tensor.name)) {
      left_out_.push_back(tensor.parts.front()->name);
    } else if (const int part = ProjectionPart(tensor.name, whole); part >= 0) {
      auto found = std::find_if(joined.begin(), joined.end(),
                                [&](const auto& entry) { return entry.first == whole; });
      if (found == joined.end()) found = joined.insert(joined.end(), {whole, {}});
      found->second.parts[part] = &tensor;
    } else {
      tensors_.push_back(tensor);
    }
  }
  for (const auto& [whole, parts] : joined) {
    SourceTensor tensor{.name = whole, .dtype = DType::kF32, .shape = {}, .parts = {}};
    for (int i = 0; i < 4; ++i) {
      const SourceTensor* part = parts.parts[i];
      if (part == nullptr && i == 3) continue;  // only some versions shift the values
      if (part == nullptr) {
        return InputError(absl::StrCat(name_, ": expected ", absl::StrJoin(kProjectionParts, ", "),
                                       " for ", whole, " (the last one may be absent), found no ",
                                       kProjectionParts[i]));
      }
      if (tensor.parts.empty()) {
        tensor.dtype = part->dtype;
        tensor.shape = part->shape;
      } else if (part->dtype != tensor.dtype || part->shape.size() != 2 ||
                 tensor.shape.size() != 2 || part->shape[1] != tensor.shape[1]) {
        return InputError(absl::StrCat(name_, ": expected rows of ", whole, " like ",
                                       DTypeName(tensor.dtype), " ", Shape(tensor.shape),
                                       ", found ", part->parts.front()->name, " ",
                                       DTypeName(part->dtype), " ", Shape(part->shape)));
      } else {
        tensor.shape[0] += part->shape[0];
      }
      tensor.parts.push_back(part->parts.front());
    }
    tensors_.push_back(std::move(tensor));
  }
  Index();
  if (index_.size() == tensors_.size()) return absl::OkStatus();
  for (size_t i = 0; i < tensors_.size(); ++i) {
    const SourceTensor& other = tensors_[index_[tensors_[i].name]];
    if (&other == &tensors_[i]) continue;
    return InputError(absl::StrCat(name_, ": tensors '", other.parts.front()->name, "' and '",
                                   tensors_[i].parts.front()->name, "' are both ", tensors_[i].name,
                                   "; remove one of them"));
  }
  return absl::OkStatus();
}

void WeightsSource::Index() {
  index_.clear();
  for (size_t i = 0; i < tensors_.size(); ++i) index_.emplace(tensors_[i].name, i);
}

const SourceTensor* WeightsSource::Find(absl::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

}  // namespace hydra::train
