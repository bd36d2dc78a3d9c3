#include "runtime/artifact/table_check.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "runtime/artifact/features.h"
#include "runtime/base/command_check.h"
#include "runtime/base/command_walk.h"
#include "runtime/base/status.h"

namespace hydra::artifact {
namespace {

using hal::Region;

absl::Status Bad(absl::string_view message) { return InputError(message); }

// A command that breaks its rules is damage here; elsewhere it is a failure of its maker.
absl::Status AsDamage(const absl::Status& status, absl::string_view where) {
  return status.ok() ? status : Bad(absl::StrCat(where, ": ", status.message()));
}

absl::Status CheckBuffer(const NamedBuffer& buffer, Region region,
                         const hal::CommandLimits& limits) {
  if (buffer.name.empty()) return Bad("a buffer has no name");
  if (buffer.ref.region != region) {
    return Bad(absl::StrCat(buffer.name, " lies in region ", hal::RegionName(buffer.ref.region),
                            ", expected ", hal::RegionName(region)));
  }
  HYDRA_RETURN_IF_ERROR(AsDamage(hal::CheckRef(buffer.ref, limits.region_bytes), buffer.name));
  if (buffer.ref.pitch != 0 || buffer.ref.repeat_step != 0) {
    return Bad(absl::StrCat(buffer.name, " is a view or moves: ", hal::Describe(buffer.ref),
                            "; named buffers are contiguous"));
  }
  const uint64_t element = hal::ElementBytes(buffer.type);
  unsigned __int128 bytes = element;
  for (int64_t extent : buffer.shape) {
    if (extent < 0) return Bad(absl::StrCat(buffer.name, " has an extent of ", extent));
    bytes *= static_cast<uint64_t>(extent);
    if (bytes > (uint64_t{1} << 62)) return Bad(absl::StrCat(buffer.name, " is too large"));
  }
  if (bytes != buffer.ref.bytes) {
    return Bad(absl::StrCat(buffer.name, " has ", buffer.ref.bytes, " bytes, its shape needs ",
                            static_cast<uint64_t>(bytes)));
  }
  if (buffer.ref.offset % element != 0) {
    return Bad(absl::StrCat(buffer.name, " at ", hal::Describe(buffer.ref),
                            " is not aligned to its elements of ", element, " bytes"));
  }
  if (!std::isfinite(buffer.initial)) {
    return Bad(absl::StrCat(buffer.name, " has an initial value that is not finite"));
  }
  return absl::OkStatus();
}

// Buffers of one region: unique names, no shared bytes.
absl::Status CheckApart(std::vector<const NamedBuffer*> buffers, bool may_alias) {
  std::set<absl::string_view> names;
  for (const NamedBuffer* buffer : buffers) {
    if (!names.insert(buffer->name).second) {
      return Bad(absl::StrCat("two buffers are named ", buffer->name));
    }
  }
  std::sort(buffers.begin(), buffers.end(), [](const NamedBuffer* a, const NamedBuffer* b) {
    return std::tie(a->ref.offset, a->name) < std::tie(b->ref.offset, b->name);
  });
  const NamedBuffer* last = nullptr;  // reaches furthest so far
  for (const NamedBuffer* buffer : buffers) {
    if (buffer->ref.bytes == 0) continue;
    if (last != nullptr && hal::Overlap(last->ref, buffer->ref)) {
      const bool same =
          last->ref.offset == buffer->ref.offset && last->ref.bytes == buffer->ref.bytes;
      if (!may_alias || !same) {
        return Bad(absl::StrCat(buffer->name, " ", hal::Describe(buffer->ref), " overlaps ",
                                last->name, " ", hal::Describe(last->ref)));
      }
    }
    if (last == nullptr ||
        buffer->ref.offset + buffer->ref.bytes > last->ref.offset + last->ref.bytes) {
      last = buffer;
    }
  }
  return absl::OkStatus();
}

absl::Status CheckList(const std::vector<NamedBuffer>& buffers, Region region,
                       const hal::CommandLimits& limits, bool may_alias = false) {
  std::vector<const NamedBuffer*> pointers;
  for (const NamedBuffer& buffer : buffers) {
    HYDRA_RETURN_IF_ERROR(CheckBuffer(buffer, region, limits));
    pointers.push_back(&buffer);
  }
  return CheckApart(std::move(pointers), may_alias);
}

absl::Status CheckParameters(const ArtifactInfo& info, const hal::CommandLimits& limits) {
  std::set<absl::string_view> names;
  std::vector<const NamedBuffer*> weights, gradients, optimizer;
  std::vector<NamedBuffer> states;  // under names of their own: each parameter has an m
  for (const ParameterInfo& parameter : info.parameters) {
    const auto fail = [&](absl::string_view what) {
      return Bad(absl::StrCat("parameter ", parameter.name, ": ", what));
    };
    if (parameter.name.empty() || !names.insert(parameter.name).second) {
      return fail("the name is empty or appears twice");
    }
    for (const std::string& alias : parameter.aliases) {
      if (!names.insert(alias).second) return fail(absl::StrCat("alias ", alias, " appears twice"));
    }
    for (double value : {parameter.init_value, parameter.residual_scale, parameter.lr_factor,
                         parameter.decay_factor}) {
      if (!std::isfinite(value)) return fail("an initial value or factor is not finite");
    }
    HYDRA_RETURN_IF_ERROR(CheckBuffer(parameter.buffer, Region::kParameters, limits));
    if (parameter.buffer.type != hal::ElementType::kF32) return fail("expected type f32");
    weights.push_back(&parameter.buffer);
    if (parameter.gradient) {
      HYDRA_RETURN_IF_ERROR(CheckBuffer(*parameter.gradient, Region::kGradients, limits));
      if (parameter.gradient->shape != parameter.buffer.shape) {
        return fail("its gradient has another shape");
      }
      gradients.push_back(&*parameter.gradient);
    }
    for (const NamedBuffer& state : parameter.states) {
      HYDRA_RETURN_IF_ERROR(CheckBuffer(state, Region::kOptimizer, limits));
      states.push_back(state);
      states.back().name = absl::StrCat(parameter.name, "/", state.name);
    }
  }
  for (const NamedBuffer& state : states) optimizer.push_back(&state);
  for (const NamedBuffer& buffer : info.optimizer) {
    HYDRA_RETURN_IF_ERROR(CheckBuffer(buffer, Region::kOptimizer, limits));
    optimizer.push_back(&buffer);
  }
  HYDRA_RETURN_IF_ERROR(CheckApart(std::move(weights), false));
  HYDRA_RETURN_IF_ERROR(CheckApart(std::move(gradients), false));
  return CheckApart(std::move(optimizer), false);
}

absl::Status CheckScopes(const hal::CommandSequence& commands, size_t scopes) {
  absl::Status status;
  hal::ForEachCommand(commands, [&](const hal::Command& command) {
    if (command.scope >= scopes) {
      status.Update(Bad(absl::StrCat("scope ", command.scope, ", expected less than ", scopes)));
    }
  });
  return status;
}

absl::Status CheckDead(const EntryInfo& entry, const hal::CommandLimits& limits) {
  uint64_t last = 0;
  for (size_t i = 0; i < entry.dead.size(); ++i) {
    const hal::DeadRange& dead = entry.dead[i];
    const std::string label = absl::StrCat("dead range ", i);
    HYDRA_RETURN_IF_ERROR(
        AsDamage(hal::CheckRefInRepeat(dead.range, limits.region_bytes, 0), label));
    if (dead.before_command < last || dead.before_command > entry.body.size()) {
      return Bad(absl::StrCat(label, " begins before command ", dead.before_command,
                              ", expected ascending numbers up to ", entry.body.size()));
    }
    last = dead.before_command;
  }
  return absl::OkStatus();
}

// Fields lie in one piece, which lies in the region.
absl::Status CheckRecord(const EntryInfo& entry, const hal::CommandLimits& limits) {
  HYDRA_RETURN_IF_ERROR(CheckList(entry.record, Region::kRecord, limits, true));
  const uint64_t region = limits.region_bytes[static_cast<int>(Region::kRecord)];
  if (entry.record_bytes > region) {
    return Bad(
        absl::StrCat("needs ", entry.record_bytes, " bytes of the record, which has ", region));
  }
  for (const NamedBuffer& field : entry.record) {
    if (field.ref.offset + field.ref.bytes > entry.record_bytes) {
      return Bad(absl::StrCat("record field ", field.name, " ", hal::Describe(field.ref),
                              " exceeds its piece of ", entry.record_bytes, " bytes"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckEntries(const ArtifactInfo& info, const hal::CommandLimits& limits) {
  std::set<std::string> labels;
  for (const EntryInfo& entry : info.entries) {
    const std::string label = absl::StrCat("entry ", entry.Label());
    if (entry.name.empty() || entry.batch < 0 || entry.seq < 0) {
      return Bad(absl::StrCat(label, " has no name or a negative shape"));
    }
    if (!labels.insert(label).second) return Bad(absl::StrCat(label, " appears twice"));
    if (entry.arena_bytes > limits.region_bytes[static_cast<int>(Region::kArena)]) {
      return Bad(absl::StrCat(label, " needs ", entry.arena_bytes,
                              " bytes of the arena, which has ",
                              limits.region_bytes[static_cast<int>(Region::kArena)]));
    }
    HYDRA_RETURN_IF_ERROR(Annotate(CheckList(entry.inputs, Region::kInputs, limits), label));
    HYDRA_RETURN_IF_ERROR(
        Annotate(CheckList(entry.outputs, Region::kOutputs, limits, true), label));
    HYDRA_RETURN_IF_ERROR(Annotate(CheckRecord(entry, limits), label));
    HYDRA_RETURN_IF_ERROR(AsDamage(hal::CheckCommands(entry.body, limits), label));
    HYDRA_RETURN_IF_ERROR(Annotate(CheckScopes(entry.body, info.scopes.size()), label));
    HYDRA_RETURN_IF_ERROR(Annotate(CheckDead(entry, limits), label));
  }
  return absl::OkStatus();
}

const SectionInfo* FindSection(const ArtifactInfo& info, SectionKind kind, absl::string_view name) {
  for (const SectionInfo& section : info.sections) {
    if (section.kind == kind && section.name == name) return &section;
  }
  return nullptr;
}

// A bundle has weights, as its last section, and the run that they come from; nothing else has.
absl::Status CheckBundle(const ArtifactInfo& info) {
  size_t weights = 0, runs = 0, tokenizers = 0;
  for (const SectionInfo& section : info.sections) {
    weights += section.kind == SectionKind::kWeights ? 1 : 0;
    runs += section.kind == SectionKind::kRun ? 1 : 0;
    tokenizers += section.kind == SectionKind::kTokenizer ? 1 : 0;
  }
  if (weights + runs + tokenizers == 0) return absl::OkStatus();
  if (weights != 1 || runs != 1 || tokenizers > 1) {
    return Bad(absl::StrCat("a bundle of ", weights, " weights, ", runs, " runs, ", tokenizers,
                            " tokenizers, expected one, one, at most one"));
  }
  if (info.sections.back().kind != SectionKind::kWeights) {
    return Bad("the weights of a bundle are not its last section");
  }
  return absl::OkStatus();
}

absl::Status CheckSections(const ArtifactInfo& info) {
  std::set<std::pair<SectionKind, absl::string_view>> names;
  for (const SectionInfo& section : info.sections) {
    if (!names.insert({section.kind, section.name}).second) {
      return Bad(absl::StrCat("section ", SectionKindName(section.kind), " '", section.name,
                              "' appears twice"));
    }
  }
  HYDRA_RETURN_IF_ERROR(CheckBundle(info));
  std::set<absl::string_view> levels(info.isa_levels.begin(), info.isa_levels.end());
  if (levels.size() != info.isa_levels.size()) return Bad("an ISA level appears twice");
  if (!info.kernels.empty() && info.isa_levels.empty()) {
    return Bad("there are kernels but no ISA level with code");
  }
  for (size_t level = 0; level < info.isa_levels.size(); ++level) {
    const std::string& name = info.isa_levels[level];
    const SectionInfo* code = FindSection(info, SectionKind::kCode, name);
    if (code == nullptr) return Bad(absl::StrCat("there is no code section for ", name));
    for (const KernelInfo& kernel : info.kernels) {
      if (kernel.offsets.size() != info.isa_levels.size()) {
        return Bad(absl::StrCat("kernel ", kernel.name, " has ", kernel.offsets.size(),
                                " entry points, expected ", info.isa_levels.size()));
      }
      if (kernel.offsets[level] >= code->bytes) {
        return Bad(absl::StrCat("kernel ", kernel.name, " starts at byte ", kernel.offsets[level],
                                " of the ", code->bytes, " bytes of code for ", name));
      }
    }
  }
  const uint64_t constants = info.region_bytes[static_cast<int>(Region::kConstants)];
  const SectionInfo* section = FindSection(info, SectionKind::kConstants, "");
  const uint64_t stored = section == nullptr ? 0 : section->bytes;
  if (constants != stored) {
    return Bad(absl::StrCat("region constants has ", constants, " bytes, its section ", stored));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckTables(const ArtifactInfo& info) {
  constexpr uint64_t kMaxRegion = uint64_t{1} << 46;
  hal::CommandLimits limits;
  limits.region_bytes = info.region_bytes;
  limits.kernels = info.kernels.size();
  for (int i = 0; i < hal::kRegionCount; ++i) {
    if (info.region_bytes[i] > kMaxRegion) {
      return Bad(absl::StrCat("region ", hal::RegionName(static_cast<Region>(i)), " of ",
                              info.region_bytes[i], " bytes, expected at most 2^46"));
    }
  }
  if (info.target != "cpu" && info.target != "cuda" && info.target != "sim") {
    return Bad(absl::StrCat("target '", info.target, "', expected cpu, cuda or sim"));
  }
  for (int64_t extent : {info.vocab_size, info.dim, info.max_seq_len, info.cache_len}) {
    if (extent < 0) return Bad(absl::StrCat("a model size of ", extent));
  }
  HYDRA_RETURN_IF_ERROR(CheckSections(info));
  HYDRA_RETURN_IF_ERROR(CheckParameters(info, limits));
  HYDRA_RETURN_IF_ERROR(CheckList(info.control, Region::kControl, limits));
  HYDRA_RETURN_IF_ERROR(CheckList(info.control_state, Region::kControlState, limits));
  HYDRA_RETURN_IF_ERROR(CheckList(info.cache, Region::kCache, limits));
  HYDRA_RETURN_IF_ERROR(CheckList(info.derived, Region::kDerived, limits));
  if (const uint64_t missing = FeaturesOf(info) & ~info.required_features; missing != 0) {
    return Bad(
        absl::StrCat("uses ", FeatureNames(missing), ", which required_features leaves out"));
  }
  return CheckEntries(info, limits);
}

}  // namespace hydra::artifact
