#include "runtime/exec/launch.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "runtime/base/command_check.h"
#include "runtime/base/status.h"
#include "runtime/exec/executor.h"

namespace hydra {

Launch::Launch(Executor& executor, std::vector<Part> parts)
    : executor_(executor),
      device_(executor.device()),
      info_(executor.info()),
      parts_(std::move(parts)) {}

absl::StatusOr<hal::Ticket> Launch::Submit() {
  HYDRA_RETURN_IF_ERROR(executor_.Derive());
  absl::StatusOr<hal::Ticket> ticket = device_.Submit(*list_);
  if (ticket.ok()) last_ = *ticket;
  return ticket;
}

uint64_t Launch::Part::stride(hal::Region region) const {
  switch (region) {
    case hal::Region::kInputs:
      return input_stride;
    case hal::Region::kOutputs:
      return output_stride;
    case hal::Region::kRecord:
      return record_stride;
    default:
      return 0;
  }
}

absl::StatusOr<size_t> Launch::FindSlot(bool input, absl::string_view name, int part,
                                        hal::ElementType type) const {
  for (size_t i = 0; i < slots_.size(); ++i) {
    const Named& named = slots_[i];
    if (named.buffer == nullptr || named.input != input || named.part != part) continue;
    if (named.buffer->name != name) continue;
    HYDRA_RETURN_IF_ERROR(CheckType(*named.buffer, type));
    return i;
  }
  const artifact::EntryInfo& from = entry(part);
  HYDRA_RETURN_IF_ERROR(
      (input ? FindBuffer(from.inputs, name, "input") : FindResult(from, name)).status());
  return FailureError(
      absl::StrCat("output ", name, " of ", from.Label(),
                   " is not handed to the host by every run; name it in LaunchOptions::fetch"));
}

absl::Status Launch::StageBytes(size_t slot, absl::Span<const uint8_t> bytes, int piece) {
  HYDRA_ASSIGN_OR_RETURN(const absl::Span<uint8_t> target,
                         list_->Stage(slot, static_cast<uint32_t>(piece)));
  if (target.size() != bytes.size()) {
    const artifact::NamedBuffer& buffer = *slots_[slot].buffer;
    return CheckSize(buffer, bytes.size() / hal::ElementBytes(buffer.type));
  }
  if (!bytes.empty()) std::memcpy(target.data(), bytes.data(), bytes.size());
  return absl::OkStatus();
}

absl::Status Launch::StageControl(const ControlBlock& control) {
  if (!control_slot_) return absl::OkStatus();
  HYDRA_ASSIGN_OR_RETURN(const absl::Span<uint8_t> target, list_->Stage(*control_slot_));
  std::memcpy(target.data(), control.bytes().data(), target.size());
  return absl::OkStatus();
}

absl::StatusOr<absl::Span<const uint8_t>> Launch::FetchRecord(hal::Ticket ticket) {
  if (!record_slot_) {
    return FailureError(
        absl::StrCat("the record of ", entry().Label(),
                     " is not handed to the host; set LaunchOptions::fetch_record"));
  }
  return list_->Fetch(ticket, *record_slot_);
}

absl::Status Launch::Run() {
  HYDRA_ASSIGN_OR_RETURN(const hal::Ticket ticket, Submit());
  HYDRA_RETURN_IF_ERROR(Await(ticket));
  HYDRA_ASSIGN_OR_RETURN(seconds_, Seconds(ticket));
  return absl::OkStatus();
}

absl::Status Launch::SetInputBytes(const artifact::NamedBuffer& input,
                                   absl::Span<const uint8_t> bytes, int piece) {
  HYDRA_ASSIGN_OR_RETURN(const size_t slot, FindSlot(true, input.name, 0, input.type));
  return StageBytes(slot, bytes, piece);
}

absl::Status Launch::ReadOutputBytes(const artifact::NamedBuffer& buffer, uint64_t offset,
                                     absl::Span<uint8_t> target, int part, int piece) {
  const Part& from = parts_[part];
  if (piece < 0 || piece >= pieces(part) || offset > buffer.ref.bytes ||
      target.size() > buffer.ref.bytes - offset) {
    return FailureError(absl::StrCat("bytes [", offset, ", ", offset + target.size(), ") of piece ",
                                     piece, " of ", buffer.name, ", which has ", pieces(part),
                                     " pieces of ", buffer.ref.bytes));
  }
  const hal::RegionBinding& binding = from.bindings[static_cast<int>(buffer.ref.region)];
  return device_.Read(*binding.buffer,
                      binding.offset +
                          static_cast<uint64_t>(piece) * from.stride(buffer.ref.region) +
                          buffer.ref.offset + offset,
                      target);
}

uint64_t Launch::flops() const {
  uint64_t sum = 0;
  for (const Part& part : parts_) sum += part.runs * part.entry->flops;
  return sum;
}

absl::StatusOr<std::vector<ProfileRow>> Launch::Profile() {
  HYDRA_RETURN_IF_ERROR(Await(last_));
  std::vector<ProfileRow> rows;
  for (const hal::CommandProfile& command : list_->profile()) {
    ProfileRow row;
    row.entry = parts_[command.recording].entry->Label();
    row.scope = info_.scopes[command.scope];
    row.kind = std::string(command.kind);
    row.kernel = command.kernel;
    row.runs = command.runs;
    row.seconds = command.seconds;
    row.fastest = command.fastest;
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace hydra
