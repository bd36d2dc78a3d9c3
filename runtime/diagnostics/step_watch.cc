#include "runtime/diagnostics/step_watch.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/buffer_ref.h"
#include "runtime/base/command_walk.h"

namespace hydra {
namespace {

using artifact::EntryInfo;
using artifact::NamedBuffer;
using hal::BufferRef;
using hal::ElementType;

// Numbers as one letter: blocks of one shape have one place in the spec.
std::string Class(absl::string_view scope) {
  std::string text;
  for (const char c : scope) {
    if (!absl::ascii_isdigit(c)) {
      text += c;
    } else if (text.empty() || text.back() != '#') {
      text += '#';
    }
  }
  return text;
}

// Rows without the gaps between them.
std::vector<uint8_t> Packed(const BufferRef& place, std::vector<uint8_t> bytes) {
  if (place.pitch == 0) return bytes;
  std::vector<uint8_t> rows;
  rows.reserve(hal::PayloadBytes(place));
  for (uint64_t at = 0; at + place.row_bytes <= bytes.size(); at += place.pitch) {
    rows.insert(rows.end(), bytes.begin() + static_cast<ptrdiff_t>(at),
                bytes.begin() + static_cast<ptrdiff_t>(at + place.row_bytes));
  }
  return rows;
}

// "rms_norm_d7c83267" or "rms_norm_d7c83267_s1" without hash and stage.
std::string OpOfKernel(const std::string& kernel) {
  const size_t end = kernel.rfind("_s");
  const std::string name =
      end != std::string::npos && end + 3 == kernel.size() ? kernel.substr(0, end) : kernel;
  return name.substr(0, name.rfind('_'));
}

// What a command names and how its elements are typed; kF32 where it does not say.
std::vector<std::pair<BufferRef, ElementType>> PlacesOf(const hal::Command& command) {
  std::vector<std::pair<BufferRef, ElementType>> places;
  if (const auto* product = std::get_if<hal::MatmulCommand>(&command.body)) {
    places = {{product->a, product->a_type},
              {product->b, product->b_type},
              {product->c, product->c_type}};
    if (product->rows) places.emplace_back(*product->rows, ElementType::kI32);
    if (product->offsets) places.emplace_back(*product->offsets, ElementType::kI32);
    return places;
  }
  hal::ForEachRef(command,
                  [&](const BufferRef& ref) { places.emplace_back(ref, ElementType::kF32); });
  return places;
}

const char* KindOf(const hal::Command& command) {
  if (std::holds_alternative<hal::MatmulCommand>(command.body)) return "matmul";
  if (std::holds_alternative<hal::CopyCommand>(command.body)) return "copy";
  if (std::holds_alternative<hal::FillCommand>(command.body)) return "fill";
  if (std::holds_alternative<hal::CollectiveCommand>(command.body)) return "collective";
  return "kernel";
}

}  // namespace

// Stages of a launch follow each other in the kernel table and with the same arguments
// (docs/contracts.md, "Plan and kernels").
size_t StepWatch::StagesFrom(const hal::CommandSequence& commands, size_t first) const {
  const auto* begin = std::get_if<hal::KernelCommand>(&commands[first].body);
  if (begin == nullptr) return 1;
  const std::vector<artifact::KernelInfo>& kernels = executor_.info().kernels;
  size_t stages = 1;
  for (; first + stages < commands.size(); ++stages) {
    const auto* next = std::get_if<hal::KernelCommand>(&commands[first + stages].body);
    if (next == nullptr || next->args != begin->args) break;
    if (kernels[next->kernel].name != absl::StrCat(kernels[begin->kernel].name, "_s", stages))
      break;
  }
  return stages;
}

absl::StatusOr<std::vector<uint8_t>> StepWatch::Read(const BufferRef& place) {
  std::vector<uint8_t> bytes(place.bytes);
  const NamedBuffer buffer{.name = "", .ref = place, .shape = {}};
  HYDRA_RETURN_IF_ERROR(executor_.ReadBytes(buffer, absl::MakeSpan(bytes)));
  return Packed(place, std::move(bytes));
}

absl::StatusOr<int32_t> StepWatch::ReadSelector(const BufferRef& place) {
  HYDRA_ASSIGN_OR_RETURN(const std::vector<uint8_t> bytes, Read(place));
  int32_t value = 0;
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof(value)));
  return value;
}

std::string StepWatch::NameOf(const BufferRef& place, const EntryInfo& entry,
                              ElementType& type) const {
  const NamedBuffer* found = nullptr;
  const char* kind = "";
  const auto look = [&](const NamedBuffer& buffer, const char* what) {
    if (found != nullptr || !hal::Overlap(buffer.ref, place)) return;
    found = &buffer;
    kind = what;
  };
  const artifact::ArtifactInfo& info = executor_.info();
  for (const artifact::ParameterInfo& parameter : info.parameters) {
    look(parameter.buffer, "parameter ");
    if (parameter.gradient) look(*parameter.gradient, "gradient of ");
    for (const NamedBuffer& state : parameter.states) look(state, "optimizer state ");
  }
  for (const NamedBuffer& buffer : info.optimizer) look(buffer, "optimizer state ");
  for (const NamedBuffer& buffer : info.control) look(buffer, "control value ");
  for (const NamedBuffer& buffer : info.control_state) look(buffer, "control state ");
  for (const NamedBuffer& buffer : entry.inputs) look(buffer, "input ");
  for (const NamedBuffer* buffer : entry.Results()) look(*buffer, "output ");
  if (found == nullptr) return hal::Describe(place);
  type = found->type;
  return absl::StrCat(kind, found->name);
}

std::string StepWatch::LocationOfScope(const std::string& scope) const {
  if (!ledger_) return "";
  std::set<std::string> same, alike;
  for (const LedgerKernel& kernel : ledger_->kernels) {
    for (const LedgerOp& op : kernel.ops) {
      if (op.scope == scope) same.insert(op.location);
      if (Class(op.scope) == Class(scope)) alike.insert(op.location);
    }
  }
  if (!same.empty()) return *same.begin();
  return alike.size() == 1 ? *alike.begin() : "";
}

void StepWatch::Identify(const hal::Command& command, WatchFinding& finding) const {
  finding.scope = executor_.info().scopes[command.scope];
  finding.op = KindOf(command);
  finding.location = LocationOfScope(finding.scope);
  const auto* launch = std::get_if<hal::KernelCommand>(&command.body);
  if (launch == nullptr) return;
  const artifact::KernelInfo& kernel = executor_.info().kernels[launch->kernel];
  finding.kernel = kernel.name;
  finding.op = OpOfKernel(kernel.name);
  if (finding.location.empty()) finding.location = kernel.location;
  if (!ledger_) return;
  for (const LedgerKernel& known : ledger_->kernels) {
    if (known.name != kernel.name || known.ops.empty()) continue;
    std::vector<std::string> ops;
    for (const LedgerOp& op : known.ops) ops.push_back(op.op);
    finding.op = absl::StrJoin(ops, " + ");
    return;
  }
}

absl::Status StepWatch::RunUnit(const EntryInfo& entry, const Unit& unit, WatchReport& report) {
  std::vector<std::pair<BufferRef, ElementType>> places = PlacesOf(unit.front());
  // The last argument of a launch of several stages is between them, of types of its own.
  if (unit.size() > 1) places.pop_back();
  std::vector<std::vector<uint8_t>> before;
  std::vector<std::string> names;
  for (auto& [place, type] : places) {
    names.push_back(NameOf(place, entry, type));
    HYDRA_ASSIGN_OR_RETURN(before.emplace_back(), Read(place));
  }
  EntryInfo alone;
  alone.name = entry.name;
  alone.batch = entry.batch;
  alone.seq = entry.seq;
  alone.variant = entry.variant;
  alone.body = unit;
  alone.arena_bytes = entry.arena_bytes;
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<Launch> launch, executor_.Prepare(alone));
  HYDRA_RETURN_IF_ERROR(launch->Run());
  bool not_finite = false, outlying = false;
  WatchFinding finding;
  finding.entry = entry.Label();
  finding.number = report.ops++;
  for (size_t i = 0; i < places.size(); ++i) {
    HYDRA_ASSIGN_OR_RETURN(const std::vector<uint8_t> after, Read(places[i].first));
    WatchedValue value{names[i], {}, StatisticsOf(after, places[i].second)};
    const bool written = after != before[i];
    if (written && !value.after.finite()) {
      not_finite = not_finite || BecameNotFinite(before[i], after, places[i].second);
    }
    if (written && value.after.magnitude() > limit_) outlying = true;
    value.before = written ? StatisticsOf(before[i], places[i].second) : value.after;
    (written ? finding.results : finding.operands).push_back(std::move(value));
  }
  outlying = outlying && !report.outlying;
  if (!not_finite && !outlying) return absl::OkStatus();
  Identify(unit.front(), finding);
  if (outlying) report.outlying = finding;
  if (not_finite) report.not_finite = std::move(finding);
  return absl::OkStatus();
}

absl::Status StepWatch::RunSequence(const EntryInfo& entry, const hal::CommandSequence& commands,
                                    WatchReport& report) {
  for (size_t i = 0; i < commands.size() && !report.not_finite;) {
    const hal::Command& command = commands[i];
    const size_t stages = StagesFrom(commands, i);
    if (const auto* choice = std::get_if<hal::SwitchCommand>(&command.body)) {
      HYDRA_ASSIGN_OR_RETURN(const int32_t selector, ReadSelector(choice->selector));
      const int64_t last = static_cast<int64_t>(choice->cases.size()) - 1;
      const int64_t chosen = std::clamp<int64_t>(selector, 0, last);
      HYDRA_RETURN_IF_ERROR(RunSequence(entry, choice->cases[static_cast<size_t>(chosen)], report));
    } else if (const auto* capture = std::get_if<hal::CaptureCommand>(&command.body)) {
      HYDRA_RETURN_IF_ERROR(RunSequence(entry, capture->body, report));
    } else if (const auto* repeat = std::get_if<hal::RepeatCommand>(&command.body)) {
      for (uint64_t n = 0; n < repeat->count && !report.not_finite; ++n) {
        HYDRA_RETURN_IF_ERROR(RunSequence(entry, hal::AtIteration(repeat->body, n), report));
      }
    } else {
      const auto first = commands.begin() + static_cast<ptrdiff_t>(i);
      HYDRA_RETURN_IF_ERROR(
          RunUnit(entry, Unit(first, first + static_cast<ptrdiff_t>(stages)), report));
    }
    i += stages;
  }
  return absl::OkStatus();
}

absl::StatusOr<WatchReport> StepWatch::Run(const EntryInfo& entry) {
  WatchReport report;
  HYDRA_RETURN_IF_ERROR(RunSequence(entry, entry.body, report));
  return report;
}

}  // namespace hydra
