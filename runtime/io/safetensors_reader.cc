// Reading: the checked header turned into views of the mapped data.
#include <cstring>
#include <utility>

#include "runtime/base/did_you_mean.h"
#include "runtime/io/json_file.h"
#include "runtime/io/safetensors.h"
#include "runtime/io/safetensors_header.h"

namespace hydra {

absl::Status TensorView::CheckAccess(DType expected, size_t alignment) const {
  if (dtype != expected) {
    return InputError(absl::StrCat("tensor ", QuoteForMessage(name), ": expected dtype ",
                                   DTypeName(expected), ", found ", DTypeName(dtype)));
  }
  if (reinterpret_cast<uintptr_t>(bytes.data()) % alignment != 0) {
    return InputError(absl::StrCat("tensor ", QuoteForMessage(name),
                                   ": expected its data at a multiple of ", alignment,
                                   " bytes, found it unaligned; write the file again to align it"));
  }
  return absl::OkStatus();
}

void TensorView::CopyBytes(void* to) const {
  if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
}

absl::StatusOr<SafetensorsFile> SafetensorsFile::Parse(absl::Span<const uint8_t> bytes,
                                                       absl::string_view source) {
  HYDRA_ASSIGN_OR_RETURN(SafetensorsHeader header, ParseSafetensorsHeader(bytes, source));
  SafetensorsFile file;
  file.source_ = std::string(source);
  file.metadata_ = std::move(header.metadata);
  file.tensors_.reserve(header.entries.size());
  const absl::Span<const uint8_t> data = bytes.subspan(header.data_begin);
  for (SafetensorsEntry& entry : header.entries) {
    file.index_.emplace(entry.name, file.tensors_.size());
    TensorView& view = file.tensors_.emplace_back();
    view.name = std::move(entry.name);
    view.dtype = entry.dtype;
    view.shape = std::move(entry.shape);
    view.bytes = data.subspan(entry.begin, entry.end - entry.begin);
  }
  return file;
}

absl::StatusOr<SafetensorsFile> SafetensorsFile::Open(const std::string& path) {
  HYDRA_ASSIGN_OR_RETURN(MappedFile mapped, MappedFile::Open(path));
  HYDRA_ASSIGN_OR_RETURN(SafetensorsFile file, Parse(mapped.bytes(), path));
  file.mapped_ = std::move(mapped);
  return file;
}

absl::Status SafetensorsFile::Read(const TensorView& tensor, absl::Span<uint8_t> to) const {
  if (to.size() != tensor.bytes.size()) {
    return FailureError(absl::StrCat("tensor ", QuoteForMessage(tensor.name), " has ",
                                     tensor.bytes.size(), " bytes, asked for ", to.size()));
  }
  if (!mapped_.bytes().empty()) {
    return mapped_.Read(static_cast<uint64_t>(tensor.bytes.data() - mapped_.bytes().data()), to);
  }
  if (!to.empty()) std::memcpy(to.data(), tensor.bytes.data(), to.size());
  return absl::OkStatus();
}

const TensorView* SafetensorsFile::Find(absl::string_view name) const {
  const auto found = index_.find(std::string(name));
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

absl::StatusOr<const TensorView*> SafetensorsFile::Get(absl::string_view name) const {
  if (const TensorView* tensor = Find(name)) return tensor;
  std::vector<absl::string_view> names;
  for (const TensorView& tensor : tensors_) names.push_back(tensor.name);
  return InputError(absl::StrCat(source_, ": expected a tensor ", QuoteForMessage(name),
                                 ", found none among ", tensors_.size(), DidYouMean(name, names)));
}

}  // namespace hydra
