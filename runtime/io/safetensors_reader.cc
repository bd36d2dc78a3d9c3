// Reading: the checked header turned into views of the mapped data.
#include <algorithm>
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

absl::Status TensorView::ReadBytes(absl::Span<uint8_t> to) const {
  if (to.size() != bytes.size()) {
    return FailureError(absl::StrCat("tensor ", QuoteForMessage(name), " has ", bytes.size(),
                                     " bytes, asked for ", to.size()));
  }
  if (file != nullptr) {
    return file->Read(static_cast<uint64_t>(bytes.data() - file->bytes().data()), to);
  }
  if (!to.empty()) std::memcpy(to.data(), bytes.data(), to.size());
  return absl::OkStatus();
}

SafetensorsFile::SafetensorsFile(SafetensorsHeader header, absl::Span<const uint8_t> data,
                                 std::string source)
    : source_(std::move(source)), metadata_(std::move(header.metadata)) {
  tensors_.reserve(header.entries.size());
  for (SafetensorsEntry& entry : header.entries) {
    index_.emplace(entry.name, tensors_.size());
    TensorView& view = tensors_.emplace_back();
    view.name = std::move(entry.name);
    view.dtype = entry.dtype;
    view.shape = std::move(entry.shape);
    view.bytes = data.subspan(entry.begin, entry.end - entry.begin);
  }
}

absl::StatusOr<SafetensorsFile> SafetensorsFile::Parse(absl::Span<const uint8_t> bytes,
                                                       absl::string_view source) {
  HYDRA_ASSIGN_OR_RETURN(const uint64_t data_begin,
                         SafetensorsDataBegin(bytes, bytes.size(), source));
  HYDRA_ASSIGN_OR_RETURN(SafetensorsHeader header,
                         ParseSafetensorsHeader(bytes.first(data_begin), bytes.size(), source));
  return SafetensorsFile(std::move(header), bytes.subspan(data_begin), std::string(source));
}

absl::StatusOr<SafetensorsFile> SafetensorsFile::Inside(const MappedFile& mapped, uint64_t offset,
                                                        uint64_t bytes, absl::string_view source) {
  std::vector<uint8_t> beginning(std::min(bytes, kSafetensorsLengthBytes));
  HYDRA_RETURN_IF_ERROR(mapped.Read(offset, absl::MakeSpan(beginning)));
  HYDRA_ASSIGN_OR_RETURN(const uint64_t data_begin, SafetensorsDataBegin(beginning, bytes, source));
  beginning.resize(data_begin);
  HYDRA_RETURN_IF_ERROR(mapped.Read(offset, absl::MakeSpan(beginning)));
  HYDRA_ASSIGN_OR_RETURN(SafetensorsHeader header,
                         ParseSafetensorsHeader(beginning, bytes, source));
  SafetensorsFile file(std::move(header), mapped.bytes().subspan(offset, bytes).subspan(data_begin),
                       std::string(source));
  for (TensorView& view : file.tensors_) view.file = &mapped;
  return file;
}

absl::StatusOr<SafetensorsFile> SafetensorsFile::Open(const std::string& path) {
  HYDRA_ASSIGN_OR_RETURN(MappedFile opened, MappedFile::Open(path));
  auto mapped = std::make_unique<const MappedFile>(std::move(opened));
  HYDRA_ASSIGN_OR_RETURN(SafetensorsFile file, Inside(*mapped, 0, mapped->bytes().size(), path));
  file.mapped_ = std::move(mapped);
  return file;
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
