// Command lists of the flatbuffer.
#include <cstring>

#include "absl/strings/str_cat.h"
#include "runtime/artifact/artifact_generated.h"
#include "runtime/artifact/flatbuffer_reader.h"
#include "runtime/base/status.h"

namespace hydra::artifact {
namespace {

constexpr int kMaxDepth = 16;

absl::StatusOr<hal::KernelCommand> Read(const fb::KernelCommand& from) {
  hal::KernelCommand to;
  to.kernel = from.kernel();
  to.items = from.items();
  to.grain = from.grain();
  if (from.args() != nullptr) {
    to.args.reserve(from.args()->size());
    for (uint32_t i = 0; i < from.args()->size(); ++i) {
      fb::BufferRef arg;
      ReadElement(*from.args(), i, &arg);
      HYDRA_ASSIGN_OR_RETURN(hal::BufferRef ref, ReadRef(arg));
      to.args.push_back(ref);
    }
  }
  ReadNumbers(from.scalars(), &to.scalars);
  if (from.geometry() != nullptr) {
    fb::LaunchGeometry geometry;
    std::memcpy(&geometry, from.geometry(), sizeof(geometry));
    to.geometry =
        hal::LaunchGeometry{{geometry.grid_x(), geometry.grid_y(), geometry.grid_z()},
                            {geometry.block_x(), geometry.block_y(), geometry.block_z()},
                            {geometry.cluster_x(), geometry.cluster_y(), geometry.cluster_z()},
                            geometry.shared_bytes()};
  }
  return to;
}

absl::StatusOr<hal::MatmulCommand> Read(const fb::MatmulCommand& from) {
  hal::MatmulCommand to;
  HYDRA_ASSIGN_OR_RETURN(to.a, ReadRef(*from.a()));
  HYDRA_ASSIGN_OR_RETURN(to.b, ReadRef(*from.b()));
  HYDRA_ASSIGN_OR_RETURN(to.c, ReadRef(*from.c()));
  to.m = from.m();
  to.n = from.n();
  to.k = from.k();
  to.lda = from.lda();
  to.ldb = from.ldb();
  to.ldc = from.ldc();
  to.transpose_a = from.transpose_a();
  to.transpose_b = from.transpose_b();
  to.accumulate = from.accumulate();
  to.tile_m = from.tile_m();
  to.tile_n = from.tile_n();
  if (from.rows() != nullptr) {
    HYDRA_ASSIGN_OR_RETURN(hal::BufferRef rows, ReadRef(*from.rows()));
    to.rows = rows;
  }
  to.rows_bound_k = from.rows_bound_k();
  HYDRA_ASSIGN_OR_RETURN(to.a_type, ReadElementType(static_cast<uint8_t>(from.a_type())));
  HYDRA_ASSIGN_OR_RETURN(to.b_type, ReadElementType(static_cast<uint8_t>(from.b_type())));
  HYDRA_ASSIGN_OR_RETURN(to.c_type, ReadElementType(static_cast<uint8_t>(from.c_type())));
  to.groups = from.groups();
  to.group_a = from.group_a();
  to.group_b = from.group_b();
  to.group_c = from.group_c();
  if (from.offsets() != nullptr) {
    HYDRA_ASSIGN_OR_RETURN(hal::BufferRef offsets, ReadRef(*from.offsets()));
    to.offsets = offsets;
  }
  to.k_slice = from.k_slice();
  if (from.b_layout() > fb::MatrixLayout::packed) {
    return InputError(
        absl::StrCat("matrix layout ", static_cast<int>(from.b_layout()), ", expected 0 or 1"));
  }
  to.b_layout = static_cast<hal::MatrixLayout>(from.b_layout());
  return to;
}

absl::StatusOr<hal::CopyCommand> Read(const fb::CopyCommand& from) {
  hal::CopyCommand to;
  HYDRA_ASSIGN_OR_RETURN(to.source, ReadRef(*from.source()));
  HYDRA_ASSIGN_OR_RETURN(to.target, ReadRef(*from.target()));
  return to;
}

absl::StatusOr<hal::FillCommand> Read(const fb::FillCommand& from) {
  hal::FillCommand to;
  HYDRA_ASSIGN_OR_RETURN(to.target, ReadRef(*from.target()));
  to.pattern = from.pattern();
  return to;
}

absl::StatusOr<hal::CollectiveCommand> Read(const fb::CollectiveCommand& from) {
  if (from.kind() != fb::CollectiveKind::all_reduce_sum) {
    return InputError(
        absl::StrCat("collective kind ", static_cast<int>(from.kind()), ", expected 0"));
  }
  hal::CollectiveCommand to;
  HYDRA_ASSIGN_OR_RETURN(to.buffer, ReadRef(*from.buffer()));
  HYDRA_ASSIGN_OR_RETURN(to.type, ReadElementType(static_cast<uint8_t>(from.type())));
  return to;
}

absl::StatusOr<hal::Command> ReadCommand(const fb::Command& from, int depth) {
  hal::Command to;
  to.scope = from.scope();
  switch (from.body_type()) {
    case fb::CommandBody::KernelCommand: {
      HYDRA_ASSIGN_OR_RETURN(to.body, Read(*from.body_as_KernelCommand()));
      return to;
    }
    case fb::CommandBody::MatmulCommand: {
      HYDRA_ASSIGN_OR_RETURN(to.body, Read(*from.body_as_MatmulCommand()));
      return to;
    }
    case fb::CommandBody::CopyCommand: {
      HYDRA_ASSIGN_OR_RETURN(to.body, Read(*from.body_as_CopyCommand()));
      return to;
    }
    case fb::CommandBody::FillCommand: {
      HYDRA_ASSIGN_OR_RETURN(to.body, Read(*from.body_as_FillCommand()));
      return to;
    }
    case fb::CommandBody::CollectiveCommand: {
      HYDRA_ASSIGN_OR_RETURN(to.body, Read(*from.body_as_CollectiveCommand()));
      return to;
    }
    case fb::CommandBody::SwitchCommand: {
      const fb::SwitchCommand& source = *from.body_as_SwitchCommand();
      hal::SwitchCommand target;
      HYDRA_ASSIGN_OR_RETURN(target.selector, ReadRef(*source.selector()));
      if (source.cases() != nullptr) {
        for (const fb::CommandList* list : *source.cases()) {
          HYDRA_ASSIGN_OR_RETURN(hal::CommandSequence commands, ReadCommands(list, depth + 1));
          target.cases.push_back(std::move(commands));
        }
      }
      to.body = std::move(target);
      return to;
    }
    case fb::CommandBody::CaptureCommand: {
      hal::CaptureCommand target;
      HYDRA_ASSIGN_OR_RETURN(target.body,
                             ReadCommands(from.body_as_CaptureCommand()->body(), depth + 1));
      to.body = std::move(target);
      return to;
    }
    case fb::CommandBody::RepeatCommand: {
      const fb::RepeatCommand& source = *from.body_as_RepeatCommand();
      hal::RepeatCommand target;
      target.count = source.count();
      HYDRA_ASSIGN_OR_RETURN(target.body, ReadCommands(source.body(), depth + 1));
      to.body = std::move(target);
      return to;
    }
    case fb::CommandBody::NONE:
      break;
  }
  return InputError(absl::StrCat("command kind ", static_cast<int>(from.body_type()),
                                 " is not known to this version"));
}

}  // namespace

absl::StatusOr<hal::CommandSequence> ReadCommands(const fb::CommandList* list, int depth) {
  hal::CommandSequence commands;
  if (list == nullptr || list->commands() == nullptr) return commands;
  if (depth > kMaxDepth) {
    return InputError(absl::StrCat("commands nested deeper than ", kMaxDepth));
  }
  commands.reserve(list->commands()->size());
  for (size_t i = 0; i < list->commands()->size(); ++i) {
    absl::StatusOr<hal::Command> command = ReadCommand(*list->commands()->Get(i), depth);
    if (!command.ok()) return Annotate(command.status(), absl::StrCat("command ", i));
    commands.push_back(*std::move(command));
  }
  return commands;
}

}  // namespace hydra::artifact
