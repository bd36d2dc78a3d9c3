// Walks over commands: the places a command names, the lists it holds, and what an iteration of a
// RepeatCommand runs.
#ifndef HYDRA_RUNTIME_BASE_COMMAND_WALK_H_
#define HYDRA_RUNTIME_BASE_COMMAND_WALK_H_

#include <cstdint>
#include <type_traits>
#include <variant>

#include "runtime/base/command.h"

namespace hydra::hal {

// Calls visit(ref) for every BufferRef that `command` itself names, not for those of lists inside
// it. `CommandT` is Command or const Command.
template <typename CommandT, typename Visit>
void ForEachRef(CommandT& command, Visit visit) {
  std::visit(
      [&](auto& c) {
        using C = std::remove_const_t<std::remove_reference_t<decltype(c)>>;
        if constexpr (std::is_same_v<C, KernelCommand>) {
          for (auto& arg : c.args) visit(arg);
        } else if constexpr (std::is_same_v<C, MatmulCommand>) {
          visit(c.a);
          visit(c.b);
          visit(c.c);
          if (c.rows) visit(*c.rows);
          if (c.offsets) visit(*c.offsets);
        } else if constexpr (std::is_same_v<C, CopyCommand>) {
          visit(c.source);
          visit(c.target);
        } else if constexpr (std::is_same_v<C, FillCommand>) {
          visit(c.target);
        } else if constexpr (std::is_same_v<C, CollectiveCommand>) {
          visit(c.buffer);
        } else if constexpr (std::is_same_v<C, SwitchCommand>) {
          visit(c.selector);
        } else {
          static_assert(std::is_same_v<C, CaptureCommand> || std::is_same_v<C, RepeatCommand>);
        }
      },
      command.body);
}

// Calls visit(sequence) for every list directly inside `command`: cases, or a body.
template <typename CommandT, typename Visit>
void ForEachList(CommandT& command, Visit visit) {
  if (auto* choice = std::get_if<SwitchCommand>(&command.body)) {
    for (auto& commands : choice->cases) visit(commands);
  } else if (auto* capture = std::get_if<CaptureCommand>(&command.body)) {
    visit(capture->body);
  } else if (auto* repeat = std::get_if<RepeatCommand>(&command.body)) {
    visit(repeat->body);
  }
}

// Calls visit(command) for every command of a list and of the lists inside it, outer ones first.
template <typename Sequence, typename Visit>
void ForEachCommand(Sequence& commands, const Visit& visit) {
  for (auto& command : commands) {
    visit(command);
    ForEachList(command, [&](auto& inner) { ForEachCommand(inner, visit); });
  }
}

// What iteration `iteration` of a RepeatCommand with body `body` runs: its references stand at
// their places and move no more. References inside a nested repeat are those of its first iteration
// and keep their step.
CommandSequence AtIteration(const CommandSequence& body, uint64_t iteration);

}  // namespace hydra::hal

#endif  // HYDRA_RUNTIME_BASE_COMMAND_WALK_H_
