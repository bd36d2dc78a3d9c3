#include "runtime/hal/validation/checked_list.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/command_check.h"
#include "runtime/base/command_walk.h"
#include "runtime/base/status.h"
#include "runtime/hal/recording_check.h"

namespace hydra::hal {
namespace {

constexpr uint8_t kPoison = 0xff;  // NaN as f32, f64 and bf16, -1 as i32

absl::StatusOr<GuardedBuffer*> Guarded(Buffer* buffer, absl::string_view what) {
  auto* guarded = dynamic_cast<GuardedBuffer*>(buffer);
  if (guarded != nullptr) return guarded;
  return FailureError(absl::StrCat(what, " is not bound to a buffer of this validated device"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<CheckedList>> CheckedList::Record(
    Device& device, const Executable& executable, absl::Span<const Recording> recordings,
    absl::Span<const Slot> slots, const RecordOptions& options) {
  HYDRA_RETURN_IF_ERROR(SlotRing::Create(slots, options).status());
  std::vector<Slot> inner(slots.begin(), slots.end());
  for (Slot& slot : inner) {
    HYDRA_ASSIGN_OR_RETURN(GuardedBuffer * buffer,
                           Guarded(slot.buffer, absl::StrCat("slot '", slot.name, "'")));
    slot.buffer = &buffer->inner();
    slot.offset += GuardedBuffer::kZone;
  }
  HYDRA_ASSIGN_OR_RETURN(SlotRing ring, SlotRing::Create(inner, options));
  std::unique_ptr<CheckedList> list(new CheckedList(device, std::move(ring), options));
  for (size_t i = 0; i < recordings.size(); ++i) {
    HYDRA_RETURN_IF_ERROR(
        Annotate(list->RecordRuns(executable, recordings[i], static_cast<uint32_t>(i)),
                 absl::StrCat("recording ", i)));
  }
  list->segments_ = {{0, list->profile_.size(), false, "--validate runs commands one by one", 0}};
  return list;
}

absl::Status CheckedList::RecordRuns(const Executable& executable, const Recording& recording,
                                     uint32_t index) {
  HYDRA_RETURN_IF_ERROR(CheckRecording(recording));
  RegionBindings regions = recording.regions;
  std::vector<const GuardedBuffer*> buffers;
  CommandLimits limits;
  limits.kernels = executable.kernel_count();
  for (int i = 0; i < kRegionCount; ++i) {
    RegionBinding& binding = regions[i];
    limits.region_bytes[i] = binding.bytes;
    if (binding.buffer == nullptr) continue;
    HYDRA_ASSIGN_OR_RETURN(
        GuardedBuffer * buffer,
        Guarded(binding.buffer, absl::StrCat("region ", RegionName(static_cast<Region>(i)))));
    buffers.push_back(buffer);
    binding.buffer = &buffer->inner();
    binding.offset += GuardedBuffer::kZone;
  }
  HYDRA_RETURN_IF_ERROR(CheckCommands(*recording.commands, limits));
  for (const DeadRange& dead : recording.dead) {
    HYDRA_RETURN_IF_ERROR(Annotate(CheckRef(dead.range, limits.region_bytes), "dead range"));
  }
  const size_t first_command = profile_.size();
  for (uint32_t run = 0; run < recording.repeat; ++run) {
    Part part{{}, regions, {recording.dead.begin(), recording.dead.end()}, buffers};
    for (int i = 0; i < kRegionCount; ++i) {
      part.regions[i].offset += run * StrideOf(recording, static_cast<Region>(i));
    }
    size_t command = first_command;
    const std::string path = absl::StrCat(
        "recording ", index, recording.repeat > 1 ? absl::StrCat(", run ", run) : std::string());
    HYDRA_ASSIGN_OR_RETURN(
        part.nodes, RecordNodes(*recording.commands, {executable, part, index, command}, path));
    parts_.push_back(std::move(part));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<CheckedList::Node>> CheckedList::RecordNodes(
    const CommandSequence& commands, const Place& place, const std::string& path) {
  std::vector<Node> nodes;
  for (size_t i = 0; i < commands.size(); ++i) {
    const Command& command = commands[i];
    Node node;
    node.profile = place.profile++;
    node.path = absl::StrCat(path, ", command ", i);
    if (node.profile == profile_.size()) {
      profile_.push_back(
          {place.recording, command.scope, CommandKindName(command), std::string(), 0, 0.0, 0.0});
    }
    if (const auto* choice = std::get_if<SwitchCommand>(&command.body)) {
      node.selector = {choice->selector};
      for (size_t c = 0; c < choice->cases.size(); ++c) {
        HYDRA_ASSIGN_OR_RETURN(
            std::vector<Node> nested,
            RecordNodes(choice->cases[c], place, absl::StrCat(node.path, ", case ", c)));
        node.nested.push_back(std::move(nested));
      }
    } else if (const auto* capture = std::get_if<CaptureCommand>(&command.body)) {
      HYDRA_ASSIGN_OR_RETURN(std::vector<Node> nested,
                             RecordNodes(capture->body, place, node.path));
      node.nested.push_back(std::move(nested));
    } else if (const auto* repeat = std::get_if<RepeatCommand>(&command.body)) {
      std::vector<Node>& all = node.nested.emplace_back();
      const size_t first_line = place.profile;
      for (uint64_t step = 0; step < repeat->count; ++step) {
        place.profile = first_line;  // every iteration counts in the lines of the first
        HYDRA_ASSIGN_OR_RETURN(std::vector<Node> nested,
                               RecordNodes(AtIteration(repeat->body, step), place,
                                           absl::StrCat(node.path, ", iteration ", step)));
        std::move(nested.begin(), nested.end(), std::back_inserter(all));
      }
    } else {
      if (const auto* kernel = std::get_if<KernelCommand>(&command.body)) {
        node.shared = FindShared(*kernel);
      }
      const CommandSequence alone = {command};
      const Recording recording{&alone, place.part.regions};
      absl::StatusOr<std::unique_ptr<CommandList>> list =
          device_.Record(place.executable, absl::MakeConstSpan(&recording, 1), {}, {});
      if (!list.ok()) return list.status();
      node.list = *std::move(list);
      profile_[node.profile].kernel = node.list->profile().front().kernel;
    }
    const std::string& kernel = profile_[node.profile].kernel;
    absl::StrAppend(&node.path, " (", CommandKindName(command), kernel.empty() ? "" : " ", kernel,
                    ", scope ", command.scope, ")");
    nodes.push_back(std::move(node));
  }
  return nodes;
}

std::vector<CheckedList::SharedBytes> CheckedList::FindShared(const KernelCommand& kernel) const {
  std::vector<SharedBytes> shared;
  for (size_t i = 0; i < kernel.args.size(); ++i) {
    for (size_t j = i + 1; j < kernel.args.size(); ++j) {
      const BufferRef &a = kernel.args[i], &b = kernel.args[j];
      if (!Overlap(a, b) || a == b) continue;
      SharedBytes bytes;
      bytes.first = i;
      bytes.second = j;
      const uint64_t begin = std::max(a.offset, b.offset);
      const uint64_t end = std::min(a.offset + a.bytes, b.offset + b.bytes);
      bytes.range = {a.region, begin, end - begin};
      bytes.before.resize(end - begin);
      bytes.after.resize(end - begin);
      shared.push_back(std::move(bytes));
    }
  }
  return shared;
}

absl::StatusOr<absl::Span<uint8_t>> CheckedList::Stage(size_t slot, uint32_t piece) {
  return ring_.Stage(slot, piece);  // submissions are done when Submit returns
}

absl::StatusOr<absl::Span<const uint8_t>> CheckedList::Fetch(Ticket ticket, size_t slot,
                                                             uint32_t piece) {
  HYDRA_ASSIGN_OR_RETURN(const size_t entry, ring_.Find(ticket));
  return ring_.Output(entry, slot, piece);
}

absl::StatusOr<double> CheckedList::Run(Ticket ticket) {
  const size_t entry = ring_.Close(ticket);
  HYDRA_RETURN_IF_ERROR(ring_.TakeStaged(
      entry, [this](Buffer& buffer, uint64_t offset, absl::Span<const uint8_t> bytes) {
        return device_.Write(buffer, offset, bytes);
      }));
  double seconds = 0;
  for (Part& part : parts_) {
    const uint64_t arena = part.regions[static_cast<int>(Region::kArena)].bytes;
    HYDRA_RETURN_IF_ERROR(Poison(part, {Region::kArena, 0, arena}));
    for (size_t i = 0; i < part.nodes.size(); ++i) {
      for (const DeadRange& dead : part.dead) {
        if (dead.before_command == i) HYDRA_RETURN_IF_ERROR(Poison(part, dead.range));
      }
      HYDRA_RETURN_IF_ERROR(RunNode(part.nodes[i], part, &seconds));
    }
  }
  HYDRA_RETURN_IF_ERROR(ring_.GiveOutputs(
      entry, [this](const Buffer& buffer, uint64_t offset, absl::Span<uint8_t> bytes) {
        return device_.Read(buffer, offset, bytes);
      }));
  return seconds;
}

absl::Status CheckedList::Poison(const Part& part, const BufferRef& range) {
  const RegionBinding& binding = part.regions[static_cast<int>(range.region)];
  if (range.bytes == 0 || binding.buffer == nullptr) return absl::OkStatus();
  return device_.Fill(*binding.buffer, binding.offset + range.offset, range.bytes, kPoison);
}

absl::Status CheckedList::Read(const Part& part, const BufferRef& range,
                               absl::Span<uint8_t> target) {
  const RegionBinding& binding = part.regions[static_cast<int>(range.region)];
  return device_.Read(*binding.buffer, binding.offset + range.offset, target);
}

absl::Status CheckedList::RunNode(Node& node, const Part& part, double* seconds) {
  if (node.list != nullptr) return RunLeaf(node, part, seconds);
  if (node.nested.empty()) return absl::OkStatus();
  size_t chosen = 0;
  if (!node.selector.empty()) {
    int32_t value = 0;
    HYDRA_RETURN_IF_ERROR(Read(part, node.selector.front(),
                               absl::MakeSpan(reinterpret_cast<uint8_t*>(&value), sizeof(value))));
    const int64_t last = static_cast<int64_t>(node.nested.size()) - 1;
    chosen = static_cast<size_t>(std::clamp<int64_t>(value, 0, last));
  }
  for (Node& nested : node.nested[chosen]) {
    HYDRA_RETURN_IF_ERROR(RunNode(nested, part, seconds));
  }
  return absl::OkStatus();
}

absl::Status CheckedList::RunLeaf(Node& node, const Part& part, double* seconds) {
  for (SharedBytes& shared : node.shared) {
    HYDRA_RETURN_IF_ERROR(Read(part, shared.range, absl::MakeSpan(shared.before)));
  }
  absl::StatusOr<Ticket> ticket = device_.Submit(*node.list);
  if (!ticket.ok()) return Annotate(ticket.status(), node.path);
  HYDRA_RETURN_IF_ERROR(Annotate(device_.Await(*ticket), node.path));
  HYDRA_ASSIGN_OR_RETURN(const double elapsed, device_.Seconds(*ticket));
  *seconds += elapsed;
  if (profiling_) {
    profile_[node.profile].Add(elapsed);
  }
  for (SharedBytes& shared : node.shared) {
    HYDRA_RETURN_IF_ERROR(Read(part, shared.range, absl::MakeSpan(shared.after)));
    if (shared.before == shared.after) continue;
    return FailureError(absl::StrCat(
        node.path, ": wrote bytes that arguments ", shared.first, " and ", shared.second,
        " share in part: ", Describe(shared.range), "; expected equal or disjoint buffers"));
  }
  for (const GuardedBuffer* buffer : part.buffers) {
    HYDRA_RETURN_IF_ERROR(Annotate(buffer->Check(device_), node.path));
  }
  return absl::OkStatus();
}

}  // namespace hydra::hal
