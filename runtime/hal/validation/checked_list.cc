#include "runtime/hal/validation/checked_list.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/command_check.h"
#include "runtime/base/status.h"

namespace hydra::hal {
namespace {

constexpr int kPoison = 0xff;  // NaN as f32, f64 and bf16, -1 as i32

void Poison(const RegionBindings& regions, const BufferRef& range) {
  const RegionBinding& binding = regions[static_cast<int>(range.region)];
  if (range.bytes == 0 || binding.buffer == nullptr) return;
  std::memset(binding.buffer->host_data() + binding.offset + range.offset, kPoison, range.bytes);
}

}  // namespace

uint8_t* CheckedList::Resolve(const RegionBindings& regions, const BufferRef& ref) {
  const RegionBinding& binding = regions[static_cast<int>(ref.region)];
  if (binding.buffer == nullptr) return nullptr;
  return binding.buffer->host_data() + binding.offset + ref.offset;
}

std::vector<CheckedList::SharedBytes> CheckedList::FindShared(const KernelCommand& kernel,
                                                              const RegionBindings& regions) {
  std::vector<SharedBytes> shared;
  for (size_t i = 0; i < kernel.args.size(); ++i) {
    for (size_t j = i + 1; j < kernel.args.size(); ++j) {
      const BufferRef &a = kernel.args[i], &b = kernel.args[j];
      if (!Overlap(a, b) || (a.offset == b.offset && a.bytes == b.bytes)) continue;
      SharedBytes bytes;
      bytes.first = i;
      bytes.second = j;
      const uint64_t begin = std::max(a.offset, b.offset);
      const uint64_t end = std::min(a.offset + a.bytes, b.offset + b.bytes);
      bytes.range = {a.region, begin, end - begin};
      bytes.data = Resolve(regions, bytes.range);
      bytes.before.resize(end - begin);
      shared.push_back(std::move(bytes));
    }
  }
  return shared;
}

absl::StatusOr<std::unique_ptr<CheckedList>> CheckedList::Record(
    Device& device, const Executable& executable, absl::Span<const Recording> recordings) {
  auto list = std::make_unique<CheckedList>();
  for (size_t i = 0; i < recordings.size(); ++i) {
    absl::StatusOr<Part> part =
        list->RecordPart(device, executable, recordings[i], static_cast<uint32_t>(i));
    if (!part.ok()) return Annotate(part.status(), absl::StrCat("recording ", i));
    list->parts_.push_back(*std::move(part));
  }
  return list;
}

absl::StatusOr<CheckedList::Part> CheckedList::RecordPart(Device& device,
                                                          const Executable& executable,
                                                          const Recording& recording,
                                                          uint32_t index) {
  Part part;
  part.regions = recording.regions;
  part.dead = recording.dead;
  RegionBindings inner = recording.regions;
  CommandLimits limits;
  limits.kernels = executable.kernel_count();
  for (int i = 0; i < kRegionCount; ++i) {
    RegionBinding& binding = inner[i];
    limits.region_bytes[i] = binding.bytes;
    if (binding.buffer == nullptr) continue;
    auto* guarded = dynamic_cast<GuardedBuffer*>(binding.buffer);
    const uint64_t size = binding.buffer->bytes();
    if (guarded == nullptr || binding.offset > size || binding.bytes > size - binding.offset) {
      return FailureError(absl::StrCat("region ", RegionName(static_cast<Region>(i)),
                                       " is not bound to a range of ",
                                       "a buffer of this validated device"));
    }
    part.buffers.push_back(guarded);
    binding.buffer = &guarded->inner();
    binding.offset += GuardedBuffer::kZone;
  }
  HYDRA_RETURN_IF_ERROR(CheckCommands(*recording.commands, limits));
  for (const DeadRange& dead : part.dead) {
    HYDRA_RETURN_IF_ERROR(Annotate(CheckRef(dead.range, limits), "dead range"));
  }
  HYDRA_ASSIGN_OR_RETURN(part.nodes, RecordNodes(device, executable, *recording.commands, part,
                                                 inner, index, absl::StrCat("recording ", index)));
  return part;
}

absl::StatusOr<std::vector<CheckedList::Node>> CheckedList::RecordNodes(
    Device& device, const Executable& executable, const CommandSequence& commands, const Part& part,
    const RegionBindings& inner, uint32_t index, const std::string& path) {
  std::vector<Node> nodes;
  for (size_t i = 0; i < commands.size(); ++i) {
    const Command& command = commands[i];
    Node node;
    node.profile = profile_.size();
    node.path = absl::StrCat(path, ", command ", i);
    profile_.push_back({index, command.scope, CommandKindName(command), std::string(), 0, 0.0});
    if (const auto* choice = std::get_if<SwitchCommand>(&command.body)) {
      node.selector = reinterpret_cast<const int32_t*>(Resolve(part.regions, choice->selector));
      for (size_t c = 0; c < choice->cases.size(); ++c) {
        HYDRA_ASSIGN_OR_RETURN(std::vector<Node> nested,
                               RecordNodes(device, executable, choice->cases[c], part, inner, index,
                                           absl::StrCat(node.path, ", case ", c)));
        node.nested.push_back(std::move(nested));
      }
    } else if (const auto* capture = std::get_if<CaptureCommand>(&command.body)) {
      HYDRA_ASSIGN_OR_RETURN(
          std::vector<Node> nested,
          RecordNodes(device, executable, capture->body, part, inner, index, node.path));
      node.nested.push_back(std::move(nested));
    } else {
      if (const auto* kernel = std::get_if<KernelCommand>(&command.body)) {
        node.shared = FindShared(*kernel, part.regions);
      }
      const CommandSequence alone = {command};
      const Recording recording{&alone, inner, {}};
      HYDRA_ASSIGN_OR_RETURN(node.list,
                             device.Record(executable, absl::MakeConstSpan(&recording, 1)));
      profile_[node.profile].kernel = node.list->profile().front().kernel;
    }
    const std::string& kernel = profile_[node.profile].kernel;
    absl::StrAppend(&node.path, " (", CommandKindName(command), kernel.empty() ? "" : " ", kernel,
                    ", scope ", command.scope, ")");
    nodes.push_back(std::move(node));
  }
  return nodes;
}

void CheckedList::set_profiling(bool enabled) { profiling_ = enabled; }

absl::StatusOr<double> CheckedList::Run(Device& device) {
  double seconds = 0;
  for (Part& part : parts_) {
    const uint64_t arena = part.regions[static_cast<int>(Region::kArena)].bytes;
    Poison(part.regions, {Region::kArena, 0, arena});
    for (size_t i = 0; i < part.nodes.size(); ++i) {
      for (const DeadRange& dead : part.dead) {
        if (dead.before_command == i) Poison(part.regions, dead.range);
      }
      HYDRA_RETURN_IF_ERROR(RunNode(device, part.nodes[i], part, &seconds));
    }
  }
  return seconds;
}

absl::Status CheckedList::RunNode(Device& device, Node& node, const Part& part, double* seconds) {
  if (node.list == nullptr) {
    if (node.nested.empty()) return absl::OkStatus();
    size_t chosen = 0;
    if (node.selector != nullptr) {
      const int64_t last = static_cast<int64_t>(node.nested.size()) - 1;
      chosen = static_cast<size_t>(std::clamp<int64_t>(*node.selector, 0, last));
    }
    for (Node& nested : node.nested[chosen]) {
      HYDRA_RETURN_IF_ERROR(RunNode(device, nested, part, seconds));
    }
    return absl::OkStatus();
  }
  for (SharedBytes& shared : node.shared) {
    std::memcpy(shared.before.data(), shared.data, shared.before.size());
  }
  absl::StatusOr<Event> event = device.Submit(*node.list);
  if (!event.ok()) return Annotate(event.status(), node.path);
  HYDRA_RETURN_IF_ERROR(Annotate(device.Wait(*event), node.path));
  HYDRA_ASSIGN_OR_RETURN(const double elapsed, device.Seconds(*event));
  *seconds += elapsed;
  if (profiling_) {
    profile_[node.profile].seconds += elapsed;
    ++profile_[node.profile].runs;
  }
  for (const SharedBytes& shared : node.shared) {
    if (std::memcmp(shared.before.data(), shared.data, shared.before.size()) == 0) continue;
    return FailureError(absl::StrCat(
        node.path, ": wrote bytes that arguments ", shared.first, " and ", shared.second,
        " share in part: ", Describe(shared.range), "; expected equal or disjoint buffers"));
  }
  for (const GuardedBuffer* buffer : part.buffers) {
    HYDRA_RETURN_IF_ERROR(Annotate(buffer->Check(), node.path));
  }
  return absl::OkStatus();
}

}  // namespace hydra::hal
