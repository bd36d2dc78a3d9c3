#include "runtime/exec/launch.h"

#include "absl/strings/str_cat.h"
#include "runtime/base/command_check.h"
#include "runtime/base/status.h"

namespace hydra {

absl::StatusOr<const artifact::NamedBuffer*> FindBuffer(
    const std::vector<artifact::NamedBuffer>& buffers, absl::string_view name,
    absl::string_view what) {
  std::string present;
  for (const artifact::NamedBuffer& buffer : buffers) {
    if (buffer.name == name) return &buffer;
    // Thousands of names would help nobody.
    if (present.size() < 200) absl::StrAppend(&present, present.empty() ? "" : ", ", buffer.name);
  }
  return InputError(absl::StrCat("there is no ", what, " named '", name,
                                 "'; present: ", present.empty() ? "none" : present));
}

absl::StatusOr<uint8_t*> ResolveBuffer(const artifact::NamedBuffer& buffer, hal::ElementType type,
                                       const hal::RegionBindings& bindings) {
  if (buffer.type != type) {
    return FailureError(absl::StrCat(buffer.name, " holds ", hal::ElementTypeName(buffer.type),
                                     ", asked for ", hal::ElementTypeName(type)));
  }
  const hal::RegionBinding& binding = bindings[static_cast<int>(buffer.ref.region)];
  if (buffer.ref.offset + buffer.ref.bytes > binding.bytes) {
    return FailureError(absl::StrCat(buffer.name, " ", hal::Describe(buffer.ref), " exceeds its ",
                                     binding.bytes, " bytes in this launch"));
  }
  uint8_t* data = binding.buffer->host_data();
  if (data == nullptr && binding.bytes > 0) {
    return FailureError(absl::StrCat(buffer.name, " is in memory that the host cannot see"));
  }
  return data + binding.offset + buffer.ref.offset;
}

absl::Status Launch::Run() {
  HYDRA_ASSIGN_OR_RETURN(const hal::Event event, device_.Submit(*list_));
  HYDRA_RETURN_IF_ERROR(device_.Wait(event));
  HYDRA_ASSIGN_OR_RETURN(seconds_, device_.Seconds(event));
  return absl::OkStatus();
}

uint64_t Launch::flops() const {
  uint64_t sum = 0;
  for (const Part& part : parts_) sum += part.entry->flops;
  return sum;
}

std::vector<ProfileRow> Launch::Profile() const {
  std::vector<ProfileRow> rows;
  for (const hal::CommandProfile& command : list_->profile()) {
    ProfileRow row;
    row.entry = parts_[command.recording].entry->Label();
    const bool repeated = command.recording > 0 &&
                          parts_[command.recording].entry == parts_[command.recording - 1].entry;
    if (repeated) absl::StrAppend(&row.entry, "#", command.recording);
    row.scope = info_.scopes[command.scope];
    row.kind = std::string(command.kind);
    row.kernel = command.kernel;
    row.runs = command.runs;
    row.seconds = command.seconds;
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace hydra
