#include "runtime/app/memory_timeline.h"

#include <algorithm>
#include <map>
#include <utility>

#include "runtime/base/command_walk.h"

namespace hydra::app {
namespace {

// The span of a reference, over all iterations of the repeats that it may stand in.
std::pair<uint64_t, uint64_t> Span(const hal::BufferRef& ref, uint64_t iterations) {
  const int64_t last = ref.repeat_step * static_cast<int64_t>(iterations - 1);
  const uint64_t least = ref.offset + static_cast<uint64_t>(std::min<int64_t>(0, last));
  return {least, ref.offset + ref.bytes + static_cast<uint64_t>(std::max<int64_t>(0, last))};
}

using Spans = std::vector<std::pair<uint64_t, uint64_t>>;

void AddSpans(const hal::Command& command, uint64_t iterations, Spans& spans) {
  hal::ForEachRef(command, [&](const hal::BufferRef& ref) {
    if (ref.region == hal::Region::kArena && ref.bytes > 0) spans.push_back(Span(ref, iterations));
  });
  const auto* repeat = std::get_if<hal::RepeatCommand>(&command.body);
  const uint64_t inner = repeat == nullptr ? iterations : std::max<uint64_t>(1, repeat->count);
  hal::ForEachList(command, [&](const hal::CommandSequence& commands) {
    for (const hal::Command& nested : commands) AddSpans(nested, inner, spans);
  });
}

}  // namespace

MemoryTimeline TimelineOf(const artifact::EntryInfo& entry) {
  const size_t count = entry.body.size();
  std::vector<Spans> touched(count), dead(count + 1);
  std::vector<uint64_t> bounds;
  const auto note = [&](const std::pair<uint64_t, uint64_t>& span) {
    bounds.push_back(span.first);
    bounds.push_back(span.second);
  };
  for (size_t i = 0; i < count; ++i) {
    AddSpans(entry.body[i], 1, touched[i]);
    for (const auto& span : touched[i]) note(span);
  }
  for (const hal::DeadRange& range : entry.dead) {
    if (range.range.region != hal::Region::kArena || range.before_command > count) continue;
    dead[range.before_command].push_back(Span(range.range, 1));
    note(dead[range.before_command].back());
  }
  std::sort(bounds.begin(), bounds.end());
  bounds.erase(std::unique(bounds.begin(), bounds.end()), bounds.end());
  // Pieces between neighbouring bounds are touched and die as wholes.
  const auto for_pieces = [&](const std::pair<uint64_t, uint64_t>& span, const auto& visit) {
    auto piece = std::lower_bound(bounds.begin(), bounds.end(), span.first);
    for (; piece != bounds.end() && *piece < span.second; ++piece) {
      visit(static_cast<size_t>(piece - bounds.begin()));
    }
  };
  constexpr size_t kNever = static_cast<size_t>(-1);
  std::vector<size_t> last_touch(bounds.size(), kNever);  // since it last died
  std::vector<int64_t> change(count + 1, 0);              // of live bytes, before each command
  const auto size = [&](size_t piece) {
    return static_cast<int64_t>(bounds[piece + 1] - bounds[piece]);
  };
  for (size_t i = 0; i < count; ++i) {
    for (const auto& span : dead[i]) {
      for_pieces(span, [&](size_t piece) { last_touch[piece] = kNever; });
    }
    for (const auto& span : touched[i]) {
      for_pieces(span, [&](size_t piece) {
        // Alive since the touch before this one; that one counted itself.
        const size_t from = last_touch[piece] == kNever ? i : last_touch[piece] + 1;
        if (last_touch[piece] == i) return;
        change[from] += size(piece);
        change[i + 1] -= size(piece);
        last_touch[piece] = i;
      });
    }
  }
  MemoryTimeline timeline;
  int64_t live = 0;
  for (size_t i = 0; i < count; ++i) {
    live += change[i];
    timeline.live.push_back(static_cast<uint64_t>(live));
    if (timeline.live.back() > timeline.peak) {
      timeline.peak = timeline.live.back();
      timeline.peak_command = i;
    }
  }
  return timeline;
}

}  // namespace hydra::app
