#include "runtime/base/command_walk.h"

namespace hydra::hal {
namespace {

void Move(CommandSequence& commands, uint64_t iteration) {
  for (Command& command : commands) {
    ForEachRef(command, [&](BufferRef& ref) {
      ref.offset += iteration * static_cast<uint64_t>(ref.repeat_step);  // wraps to the right value
      ref.repeat_step = 0;
    });
    if (std::holds_alternative<RepeatCommand>(command.body)) continue;
    ForEachList(command, [&](CommandSequence& inner) { Move(inner, iteration); });
  }
}

}  // namespace

CommandSequence AtIteration(const CommandSequence& body, uint64_t iteration) {
  CommandSequence commands = body;
  Move(commands, iteration);
  return commands;
}

}  // namespace hydra::hal
