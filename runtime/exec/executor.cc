#include "runtime/exec/executor.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/command_check.h"
#include "runtime/base/status.h"
#include "runtime/exec/parameter_init.h"

namespace hydra {
namespace {

using artifact::ArtifactInfo;
using artifact::EntryInfo;
using artifact::NamedBuffer;
using artifact::ParameterInfo;
using hal::Region;

std::string ListEntries(const ArtifactInfo& info, absl::string_view name) {
  std::vector<std::string> labels;
  for (const EntryInfo& entry : info.entries) {
    if (name.empty() || entry.name == name) labels.push_back(entry.Label());
  }
  return labels.empty() ? "none" : absl::StrJoin(labels, ", ");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Executor>> Executor::Create(
    std::shared_ptr<const artifact::Artifact> artifact, hal::Device& device,
    const ExecutorOptions& options) {
  const ArtifactInfo& info = artifact->info();
  const std::string& path = artifact->path();
  if (device.name() != info.target) {
    return InputError(absl::StrCat("artifact ", path, " is compiled for ", info.target,
                                   ", the device is ", device.name(),
                                   "; compile with --target=", device.name()));
  }
  if (options.capture != hal::Capture::kDefault && !device.capabilities().graphs) {
    return UsageError(absl::StrCat("--graph has no effect on device ", device.name(),
                                   ", which has no graphs; drop it, or use --target=cuda or sim"));
  }
  std::unique_ptr<Executor> executor(new Executor(std::move(artifact), device));
  executor->capture_ = options.capture;
  HYDRA_RETURN_IF_ERROR(
      Annotate(executor->LoadKernels(options.isa_level), absl::StrCat("artifact ", path)));
  // Before anything is touched: what is mapped and untouched is still available.
  const AvailableMemory available = device.available_memory();
  HYDRA_ASSIGN_OR_RETURN(executor->regions_,
                         MemoryRegions::Create(info, device, options.micro_batches));
  executor->demand_ = MemoryDemand(available, executor->regions_->sizes());
  HYDRA_RETURN_IF_ERROR(
      device.Write(executor->regions_->buffer(Region::kConstants), 0,
                   executor->artifact_->Section(artifact::SectionKind::kConstants)));
  HYDRA_RETURN_IF_ERROR(executor->WriteInitialValues(info.control));
  HYDRA_RETURN_IF_ERROR(executor->WriteInitialValues(info.control_state));
  return executor;
}

absl::Status Executor::LoadKernels(const std::string& wanted_level) {
  const ArtifactInfo& artifact = info();
  const std::vector<std::string>& runnable = device_.isa_levels();
  const auto has = [](const std::vector<std::string>& levels, const std::string& level) {
    return std::find(levels.begin(), levels.end(), level) != levels.end();
  };
  for (const std::string& level : runnable) {
    const bool wanted = wanted_level.empty() || level == wanted_level;
    // Without kernels any level will do.
    if (wanted && (artifact.kernels.empty() || has(artifact.isa_levels, level))) {
      isa_level_ = level;
      break;
    }
  }
  if (isa_level_.empty()) {
    const std::string wish =
        wanted_level.empty() ? "" : absl::StrCat(" (", wanted_level, " was asked for)");
    return InputError(absl::StrCat(
        "it has code for ", absl::StrJoin(artifact.isa_levels, ", "), "; ", device_.description(),
        " runs ", runnable.empty() ? "no known level" : absl::StrJoin(runnable, ", "), wish,
        "; compile with --arch=", runnable.empty() ? "native" : runnable.front()));
  }
  const size_t index = static_cast<size_t>(
      std::find(artifact.isa_levels.begin(), artifact.isa_levels.end(), isa_level_) -
      artifact.isa_levels.begin());
  std::vector<hal::KernelEntry> entries;
  for (const artifact::KernelInfo& kernel : artifact.kernels) {
    entries.push_back({kernel.name, kernel.offsets[index], kernel.location});
  }
  HYDRA_ASSIGN_OR_RETURN(
      executable_,
      device_.LoadKernels(isa_level_, artifact_->Section(artifact::SectionKind::kCode, isa_level_),
                          entries));
  return absl::OkStatus();
}

absl::Status Executor::WriteInitialValues(const std::vector<NamedBuffer>& buffers) {
  for (const NamedBuffer& buffer : buffers) {
    std::vector<uint8_t> bytes(buffer.ref.bytes);
    HYDRA_RETURN_IF_ERROR(FillInitial(buffer, absl::MakeSpan(bytes)));
    HYDRA_RETURN_IF_ERROR(WriteBytes(buffer, bytes));
  }
  return absl::OkStatus();
}

absl::Status Executor::Zero(Region region) {
  hal::Buffer& buffer = regions_->buffer(region);
  return device_.Fill(buffer, 0, buffer.bytes(), 0);
}

absl::Status Executor::ResetState() {
  for (Region region : {Region::kGradients, Region::kOptimizer, Region::kControl,
                        Region::kControlState, Region::kCache}) {
    HYDRA_RETURN_IF_ERROR(Zero(region));
  }
  HYDRA_RETURN_IF_ERROR(WriteInitialValues(info().control));
  return WriteInitialValues(info().control_state);
}

absl::Status Executor::ResetCache() { return Zero(Region::kCache); }

absl::Status Executor::WriteControl(const ControlBlock& control) {
  return device_.Write(regions_->buffer(Region::kControl), 0, control.bytes());
}

absl::Status Executor::InitializeParameters(uint64_t seed) {
  // As many parameters at once as keep every thread busy, not the whole model twice in memory.
  constexpr uint64_t kBatch = uint64_t{1} << 24;
  const std::vector<ParameterInfo>& parameters = info().parameters;
  for (size_t first = 0; first < parameters.size();) {
    std::vector<std::vector<float>> values;
    std::vector<ParameterTarget> targets;
    size_t next = first;
    for (uint64_t elements = 0; next < parameters.size() && elements < kBatch; ++next) {
      const NamedBuffer& buffer = parameters[next].buffer;
      HYDRA_RETURN_IF_ERROR(CheckType(buffer, hal::ElementType::kF32));
      values.emplace_back(buffer.elements());
      elements += buffer.elements();
    }
    for (size_t i = first; i < next; ++i) {
      targets.push_back({&parameters[i], absl::MakeSpan(values[i - first])});
    }
    InitializeAll(targets, seed, device_.capabilities().workers);
    for (size_t i = first; i < next; ++i) {
      HYDRA_RETURN_IF_ERROR(
          WriteBytes(parameters[i].buffer, AsBytes(absl::MakeConstSpan(values[i - first]))));
    }
    first = next;
  }
  return absl::OkStatus();
}

absl::StatusOr<const EntryInfo*> Executor::FindEntry(absl::string_view name, int64_t batch,
                                                     int64_t seq, absl::string_view variant) const {
  const EntryInfo* best = nullptr;
  bool named = false, batch_fits = false, seq_fits = false;
  for (const EntryInfo& entry : info().entries) {
    if (entry.name != name || entry.variant != variant) continue;
    named = true;
    batch_fits |= entry.batch >= batch;
    seq_fits |= entry.seq >= seq;
    if (entry.batch < batch || entry.seq < seq) continue;
    const auto size = [](const EntryInfo& e) {
      return static_cast<unsigned __int128>(e.batch) * static_cast<unsigned __int128>(e.seq);
    };
    if (best == nullptr || size(entry) < size(*best)) best = &entry;
  }
  if (best != nullptr) return best;
  const std::string wanted =
      absl::StrCat(name, "@", batch, "x", seq, variant.empty() ? "" : ":", variant);
  if (!named) {
    return InputError(absl::StrCat("artifact ", artifact_->path(), " has no entry ", name,
                                   variant.empty() ? "" : absl::StrCat(" of variant ", variant),
                                   "; present: ", ListEntries(info(), ""),
                                   "; compile with --entry=", name, "@", batch, "x", seq));
  }
  const std::string reason =
      !batch_fits ? absl::StrCat("batch ", batch, " is larger than in any of ")
      : !seq_fits ? absl::StrCat("sequence ", seq, " is larger than in any of ")
                  : "batch and sequence do not fit together in any of ";
  return UsageError(absl::StrCat("no entry fits ", wanted, ": ", reason, ListEntries(info(), name),
                                 "; compile with --entry=", name, "@", batch, "x", seq,
                                 " or use a smaller ", batch_fits ? "sequence" : "batch"));
}

absl::StatusOr<std::unique_ptr<Launch>> Executor::Record(std::vector<Launch::Part> parts,
                                                         const LaunchOptions& options) {
  MemoryDemand demand = demand_;
  for (const Launch::Part& part : parts) demand.Add(part.entry->body);
  HYDRA_RETURN_IF_ERROR(demand.Check(
      absl::StrCat("artifact ", artifact_->path(), ", entry ", parts.front().entry->Label())));
  demand_ = demand;
  std::unique_ptr<Launch> launch(new Launch(*this, std::move(parts)));
  std::vector<hal::Recording> recordings;
  std::vector<hal::Slot> slots;
  const auto add = [&](const NamedBuffer& buffer, int part, bool input) {
    const Launch::Part& from = launch->parts_[part];
    const hal::RegionBinding& binding = from.bindings[static_cast<int>(buffer.ref.region)];
    slots.push_back({buffer.name, input ? hal::SlotDirection::kIn : hal::SlotDirection::kOut,
                     binding.buffer, binding.offset + buffer.ref.offset, buffer.ref.bytes,
                     from.runs, from.stride(buffer.ref.region)});
    launch->slots_.push_back({&buffer, part, input});
  };
  for (int part = 0; part < launch->parts(); ++part) {
    const Launch::Part& from = launch->parts_[part];
    recordings.push_back({&from.entry->body, from.bindings, from.entry->dead, from.runs,
                          from.input_stride, from.output_stride, from.record_stride,
                          info().scopes});
  }
  for (const NamedBuffer& input : launch->entry(0).inputs) add(input, 0, true);
  for (const std::string& name : options.fetch) {
    bool found = false;
    for (int part = 0; part < launch->parts(); ++part) {
      for (const NamedBuffer* result : launch->entry(part).Results()) {
        if (result->name != name) continue;
        add(*result, part, false);
        found = true;
      }
    }
    if (!found) HYDRA_RETURN_IF_ERROR(FindResult(launch->entry(0), name).status());
  }
  if (options.fetch_record) {
    hal::Buffer& record = regions_->buffer(Region::kRecord);
    for (const Launch::Part& part : launch->parts_) {
      HYDRA_ASSIGN_OR_RETURN(
          const std::vector<RecordField> fields,
          FieldsOf(*part.entry, part.bindings[static_cast<int>(Region::kRecord)].offset,
                   part.record_stride, part.runs));
      launch->record_fields_.insert(launch->record_fields_.end(), fields.begin(), fields.end());
    }
    launch->record_slot_ = slots.size();
    slots.push_back({"record", hal::SlotDirection::kOut, &record, 0, record.bytes()});
    launch->slots_.push_back({nullptr, 0, false});
  }
  hal::Buffer& control = regions_->buffer(Region::kControl);
  const uint64_t control_bytes = info().region_bytes[static_cast<int>(Region::kControl)];
  if (control_bytes > 0) {
    launch->control_slot_ = slots.size();
    slots.push_back({"control", hal::SlotDirection::kIn, &control, 0, control_bytes});
    launch->slots_.push_back({nullptr, 0, true});
  }
  hal::RecordOptions record = options.record;
  if (record.capture == hal::Capture::kDefault) record.capture = capture_;
  absl::StatusOr<std::unique_ptr<hal::CommandList>> list =
      device_.Record(*executable_, recordings, slots, record);
  if (!list.ok()) {
    return Annotate(list.status(), absl::StrCat("artifact ", artifact_->path(), ", entry ",
                                                launch->entry(0).Label()));
  }
  launch->list_ = *std::move(list);
  launch->graph_use_ = UseOfGraphs(device_, launch->list_->segments(), record);
  for (const hal::Slot& slot : slots) {
    if (slot.direction == hal::SlotDirection::kOut) {
      launch->fetched_bytes_ += slot.bytes * slot.pieces;
    }
  }
  return launch;
}

absl::StatusOr<std::unique_ptr<Launch>> Executor::Prepare(const EntryInfo& entry,
                                                          const LaunchOptions& options) {
  std::vector<Launch::Part> parts(1);
  parts[0].entry = &entry;
  parts[0].bindings = regions_->Bindings(MemoryRegions::Use::kAlone);
  return Record(std::move(parts), options);
}

absl::StatusOr<std::unique_ptr<Launch>> Executor::PrepareStep(const EntryInfo& accumulate,
                                                              int micro_batches,
                                                              const EntryInfo& apply,
                                                              const LaunchOptions& options) {
  if (micro_batches < 1 || micro_batches > regions_->micro_batches()) {
    return FailureError(absl::StrCat("a step of ", micro_batches,
                                     " micro-batches; memory was obtained for 1 to ",
                                     regions_->micro_batches()));
  }
  std::vector<Launch::Part> parts(2);
  parts[0].entry = &accumulate;
  parts[0].bindings = regions_->Bindings(MemoryRegions::Use::kMicroBatches);
  parts[0].runs = static_cast<uint32_t>(micro_batches);
  parts[0].input_stride = regions_->input_stride();
  parts[0].output_stride = regions_->output_stride();
  parts[0].record_stride = regions_->record_stride();
  parts[1].entry = &apply;
  parts[1].bindings = regions_->Bindings(MemoryRegions::Use::kApply);
  return Record(std::move(parts), options);
}

absl::StatusOr<const ParameterInfo*> Executor::FindParameter(absl::string_view name) const {
  for (const ParameterInfo& parameter : info().parameters) {
    const bool alias = std::find(parameter.aliases.begin(), parameter.aliases.end(), name) !=
                       parameter.aliases.end();
    if (parameter.name == name || alias) return &parameter;
  }
  return InputError(absl::StrCat("there is no parameter named '", name, "' among the ",
                                 info().parameters.size(), " of ", artifact_->path()));
}

absl::StatusOr<const NamedBuffer*> Executor::Find(Region region, absl::string_view name) const {
  switch (region) {
    case Region::kParameters: {
      HYDRA_ASSIGN_OR_RETURN(const ParameterInfo* parameter, FindParameter(name));
      return &parameter->buffer;
    }
    case Region::kGradients: {
      HYDRA_ASSIGN_OR_RETURN(const ParameterInfo* parameter, FindParameter(name));
      if (parameter->gradient) return &*parameter->gradient;
      return InputError(absl::StrCat("parameter ", name, " has no gradient: ", artifact_->path(),
                                     " has no training entry"));
    }
    case Region::kOptimizer:
      return FindBuffer(info().optimizer, name, "optimizer value");
    case Region::kControl:
      return FindBuffer(info().control, name, "control value");
    case Region::kControlState:
      return FindBuffer(info().control_state, name, "control state");
    case Region::kCache:
      return FindBuffer(info().cache, name, "cache");
    default:
      return FailureError(
          absl::StrCat("region ", hal::RegionName(region), " has no buffers of its own names"));
  }
}

absl::StatusOr<const NamedBuffer*> Executor::FindState(absl::string_view parameter,
                                                       absl::string_view state) const {
  HYDRA_ASSIGN_OR_RETURN(const ParameterInfo* found, FindParameter(parameter));
  return FindBuffer(found->states, state, "optimizer state of the parameter");
}

absl::Status Executor::ReadBytes(const NamedBuffer& buffer, absl::Span<uint8_t> bytes) {
  return device_.Read(regions_->buffer(buffer.ref.region), buffer.ref.offset, bytes);
}

absl::Status Executor::Derive() {
  if (!derived_stale_ || info().derived.empty()) return absl::OkStatus();
  if (derive_ == nullptr) {
    HYDRA_ASSIGN_OR_RETURN(const EntryInfo* entry, FindEntry("derive", 0, 0));
    HYDRA_ASSIGN_OR_RETURN(derive_, Prepare(*entry));
  }
  // Before the run: a launch derives before it runs, and this is one.
  derived_stale_ = false;
  return derive_->Submit().status();
}

absl::Status Executor::WriteBytes(const NamedBuffer& buffer, absl::Span<const uint8_t> bytes) {
  derived_stale_ |= buffer.ref.region == Region::kParameters;
  return device_.Write(regions_->buffer(buffer.ref.region), buffer.ref.offset, bytes);
}

}  // namespace hydra
