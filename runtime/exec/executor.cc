#include "runtime/exec/executor.h"

#include <algorithm>
#include <cstring>
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

absl::Status WriteScalar(hal::ElementType type, double value, uint8_t* target) {
  const auto store = [target](auto number) { std::memcpy(target, &number, sizeof(number)); };
  switch (type) {
    case hal::ElementType::kF32:
      store(static_cast<float>(value));
      break;
    case hal::ElementType::kF64:
      store(value);
      break;
    case hal::ElementType::kI32:
      store(static_cast<int32_t>(std::clamp(value, -2147483648.0, 2147483647.0)));
      break;
    case hal::ElementType::kU8:
      store(static_cast<uint8_t>(std::clamp(value, 0.0, 255.0)));
      break;
    case hal::ElementType::kBf16:
      return InputError("initial values of type bf16 are not defined; use f32");
  }
  return absl::OkStatus();
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
  std::unique_ptr<Executor> executor(new Executor(std::move(artifact), device));
  HYDRA_RETURN_IF_ERROR(
      Annotate(executor->LoadKernels(options.isa_level), absl::StrCat("artifact ", path)));
  HYDRA_ASSIGN_OR_RETURN(executor->regions_,
                         MemoryRegions::Create(info, device, options.micro_batches));
  executor->bindings_ = executor->regions_->Bindings(0);
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
    entries.push_back({kernel.name, kernel.offsets[index]});
  }
  HYDRA_ASSIGN_OR_RETURN(
      executable_,
      device_.LoadKernels(isa_level_, artifact_->Section(artifact::SectionKind::kCode, isa_level_),
                          entries));
  return absl::OkStatus();
}

absl::Status Executor::WriteInitialValues(const std::vector<NamedBuffer>& buffers) {
  for (const NamedBuffer& buffer : buffers) {
    const uint64_t element = hal::ElementBytes(buffer.type);
    std::vector<uint8_t> bytes(buffer.ref.bytes);
    for (uint64_t i = 0; i < bytes.size(); i += element) {
      HYDRA_RETURN_IF_ERROR(
          Annotate(WriteScalar(buffer.type, buffer.initial, bytes.data() + i), buffer.name));
    }
    HYDRA_RETURN_IF_ERROR(
        device_.Write(regions_->buffer(buffer.ref.region), buffer.ref.offset, bytes));
  }
  return absl::OkStatus();
}

absl::Status Executor::Zero(Region region) {
  hal::Buffer& buffer = regions_->buffer(region);
  const std::vector<uint8_t> zeros(std::min<uint64_t>(buffer.bytes(), uint64_t{1} << 20));
  for (uint64_t offset = 0; offset < buffer.bytes(); offset += zeros.size()) {
    const uint64_t bytes = std::min<uint64_t>(zeros.size(), buffer.bytes() - offset);
    HYDRA_RETURN_IF_ERROR(device_.Write(buffer, offset, absl::MakeConstSpan(zeros.data(), bytes)));
  }
  return absl::OkStatus();
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

absl::Status Executor::InitializeParameters(uint64_t seed) {
  std::vector<ParameterTarget> targets;
  for (const ParameterInfo& parameter : info().parameters) {
    HYDRA_ASSIGN_OR_RETURN(absl::Span<float> values, View<float>(parameter.buffer, bindings_));
    targets.push_back({&parameter, values});
  }
  InitializeAll(targets, seed, device_.thread_count());
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

absl::StatusOr<std::unique_ptr<Launch>> Executor::Record(std::vector<Launch::Part> parts) {
  std::vector<hal::Recording> recordings;
  for (const Launch::Part& part : parts) {
    recordings.push_back({&part.entry->body, part.bindings, {}});
  }
  absl::StatusOr<std::unique_ptr<hal::CommandList>> list = device_.Record(*executable_, recordings);
  if (!list.ok()) {
    return Annotate(list.status(), absl::StrCat("artifact ", artifact_->path(), ", entry ",
                                                parts.front().entry->Label()));
  }
  return std::unique_ptr<Launch>(new Launch(device_, info(), std::move(parts), *std::move(list)));
}

absl::StatusOr<std::unique_ptr<Launch>> Executor::Prepare(const EntryInfo& entry) {
  std::vector<Launch::Part> parts;
  parts.push_back({&entry, bindings_});
  return Record(std::move(parts));
}

absl::StatusOr<std::unique_ptr<Launch>> Executor::PrepareStep(const EntryInfo& accumulate,
                                                              int micro_batches,
                                                              const EntryInfo& apply) {
  if (micro_batches < 1 || micro_batches > regions_->micro_batches()) {
    return FailureError(absl::StrCat("a step of ", micro_batches,
                                     " micro-batches; memory was obtained for 1 to ",
                                     regions_->micro_batches()));
  }
  std::vector<Launch::Part> parts;
  for (int i = 0; i < micro_batches; ++i) parts.push_back({&accumulate, regions_->Bindings(i)});
  parts.push_back({&apply, regions_->Bindings(regions_->micro_batches())});
  return Record(std::move(parts));
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

absl::StatusOr<const NamedBuffer*> Executor::FindGradient(absl::string_view parameter) const {
  HYDRA_ASSIGN_OR_RETURN(const ParameterInfo* found, FindParameter(parameter));
  if (found->gradient) return &*found->gradient;
  return InputError(absl::StrCat("parameter ", parameter, " has no gradient: ", artifact_->path(),
                                 " has no training entry"));
}

absl::StatusOr<absl::Span<uint8_t>> Executor::Bytes(const NamedBuffer& buffer) {
  HYDRA_ASSIGN_OR_RETURN(uint8_t* data, ResolveBuffer(buffer, buffer.type, bindings_));
  return absl::MakeSpan(data, buffer.ref.bytes);
}

}  // namespace hydra
