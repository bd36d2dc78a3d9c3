#include "runtime/hal/sim/simulator.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace hydra::hal::sim {
namespace {

// Of a block on every architecture.
constexpr uint64_t kMostThreads = 1024;

std::array<uint32_t, 3> Position(uint64_t number, const std::array<uint32_t, 3>& extents) {
  return {static_cast<uint32_t>(number % extents[0]),
          static_cast<uint32_t>(number / extents[0] % extents[1]),
          static_cast<uint32_t>(number / extents[0] / extents[1])};
}
uint64_t Volume(const std::array<uint32_t, 3>& extents) {
  return uint64_t{extents[0]} * extents[1] * extents[2];
}

}  // namespace

Simulator::Simulator() : SimIntrinsics() {
  read_register = [](const SimIntrinsics* self, int32_t which) -> int32_t {
    const Simulator& sim = Of(self);
    const auto axis = static_cast<size_t>(which % 3);
    const uint32_t thread = sim.fibers_.current();
    if (which >= kSimLane) return static_cast<int32_t>(thread % kWarp);
    const LaunchGeometry& geometry = sim.launch_->geometry;
    if (which >= kSimBlocks) return static_cast<int32_t>(geometry.grid[axis]);
    if (which >= kSimThreads) return static_cast<int32_t>(geometry.block[axis]);
    if (which >= kSimBlock) return static_cast<int32_t>(sim.block_[axis]);
    return static_cast<int32_t>(Position(thread, geometry.block)[axis]);
  };
  shared = [](const SimIntrinsics* self, int64_t bytes) -> uint8_t* {
    Simulator& sim = Of(self);
    if (static_cast<uint64_t>(bytes) > kSharedBytes) {
      sim.Fail("its first instruction",
               absl::StrCat("it has ", bytes, " bytes of shared memory, expected at most ",
                            kSharedBytes));
    }
    return sim.shared_.data();
  };
  barrier = [](const SimIntrinsics* self, const char* place) {
    Simulator& sim = Of(self);
    Thread& thread = sim.states_[sim.fibers_.current()];
    thread.state = State::kAtBarrier;
    thread.place = place;
    sim.fibers_.Suspend();
  };
  warp_barrier = [](const SimIntrinsics* self, uint32_t mask, const char* place) {
    Simulator& sim = Of(self);
    sim.Wait({Exchange::kBarrier, mask, 0, 0, 0, place});
    ++sim.states_[sim.fibers_.current()].warp_barriers;
  };
  shuffle = [](const SimIntrinsics* self, int32_t kind, uint32_t mask, uint32_t value,
               uint32_t operand, uint32_t control, const char* place) {
    return Of(self).Wait({Exchange::kShuffle, mask, kind, operand, control, place, {value}});
  };
  ballot = [](const SimIntrinsics* self, uint32_t mask, uint32_t value, const char* place) {
    return Of(self).Wait({Exchange::kBallot, mask, 0, 0, 0, place, {value}});
  };
  access = [](const SimIntrinsics* self, const void* address, int64_t bytes, int32_t kind,
              const char* place) {
    Of(self).Check(address, static_cast<uint64_t>(bytes), kind, place);
  };
  access_elements = [](const SimIntrinsics* self, const void* address, int64_t element_bytes,
                       uint32_t elements, int32_t kind, const char* place) {
    const auto* first = static_cast<const uint8_t*>(address);
    for (int64_t i = 0; elements >> i != 0; ++i) {
      if ((elements >> i & 1) == 0) continue;
      Of(self).Check(first + i * element_bytes, static_cast<uint64_t>(element_bytes), kind, place);
    }
  };
  multiply = [](const SimIntrinsics* self, int32_t product, uint32_t* words, const char* place) {
    Simulator& sim = Of(self);
    LaneWords lane{Exchange::kMultiply, ~uint32_t{0}, product, 0, 0, place};
    std::copy_n(words, kWords, lane.words.begin());
    sim.Wait(lane);
    const uint32_t thread = sim.fibers_.current();
    std::copy_n(sim.warps_[thread / kWarp].lanes[thread % kWarp].words.begin() + 6, 4, words + 6);
  };
  exp2 = [](const SimIntrinsics*, float x) {
    const float power = std::exp2(x);
    return power < std::numeric_limits<float>::min() ? 0.0f : power;
  };
}

absl::Status Simulator::Run(const Launch& launch, Order order) {
  launch_ = &launch;
  order_ = order;
  failure_ = absl::OkStatus();
  const uint64_t threads = Volume(launch.geometry.block), blocks = Volume(launch.geometry.grid);
  if (threads > kMostThreads) {
    return FailureError(absl::StrCat("kernel ", launch.name, ": expected at most ", kMostThreads,
                                     " threads in a block, found ", threads));
  }
  threads_ = static_cast<uint32_t>(threads);
  warps_.resize((threads_ + kWarp - 1) / kWarp);
  for (uint64_t i = 0; i < blocks; ++i) {
    block_number_ = order == Order::kTogether ? i : blocks - 1 - i;
    block_ = Position(block_number_, launch.geometry.grid);
    if (block_number_ * threads_ >= launch.threads) continue;
    HYDRA_RETURN_IF_ERROR(RunBlock());
  }
  return absl::OkStatus();
}

absl::Status Simulator::RunBlock() {
  HYDRA_RETURN_IF_ERROR(fibers_.Reset(threads_, &Simulator::RunThread, this));
  states_.assign(threads_, {});
  for (Warp& warp : warps_) warp.waiting = 0;
  shared_.Poison();
  const auto count = static_cast<uint32_t>(warps_.size());
  for (bool moved = true; moved;) {
    moved = false;
    for (uint32_t i = 0; i < count && failure_.ok(); ++i) {
      if (order_ == Order::kTogether) {
        moved |= Advance(i);
      } else {
        while (failure_.ok() && Advance(count - 1 - i)) moved = true;
      }
    }
    if (!failure_.ok()) return failure_;
    moved |= ReleaseBarrier();
  }
  const bool done = std::all_of(states_.begin(), states_.end(),
                                [](const Thread& t) { return t.state == State::kDone; });
  return done ? absl::OkStatus() : Stuck();
}

void Simulator::RunThread(void* self, uint32_t thread) {
  Simulator& sim = *static_cast<Simulator*>(self);
  const uint64_t number = sim.block_number_ * sim.threads_ + thread;
  if (number >= sim.launch_->threads) return;
  KernelContext context = sim.launch_->context;
  context.intrinsics = static_cast<const SimIntrinsics*>(&sim);
  sim.launch_->function(sim.launch_->args, &context, static_cast<int64_t>(number),
                        static_cast<int64_t>(number) + 1);
}

uint32_t Simulator::LanesOf(uint32_t warp) const {
  const uint32_t lanes = std::min(threads_ - warp * kWarp, kWarp);
  return lanes == kWarp ? ~uint32_t{0} : (uint32_t{1} << lanes) - 1;
}

bool Simulator::Advance(uint32_t warp) {
  bool moved = false;
  for (uint32_t i = 0; i < kWarp && failure_.ok(); ++i) {
    const uint32_t thread = warp * kWarp + (order_ == Order::kTogether ? i : kWarp - 1 - i);
    if (thread >= threads_ || states_[thread].state != State::kReady) continue;
    if (fibers_.Resume(thread)) states_[thread].state = State::kDone;
    moved = true;
  }
  return failure_.ok() && (Exchange(warp) || moved);
}

// The lanes of one mask that stand at one place.
bool Simulator::Exchange(uint32_t number) {
  Warp& warp = warps_[number];
  bool moved = false;
  for (uint32_t rest = warp.waiting; rest != 0;) {
    const LaneWords& first = warp.lanes[std::countr_zero(rest)];
    const uint32_t mask = first.mask & LanesOf(number);
    uint32_t here = 0;
    for (uint32_t lane = 0; lane < kWarp; ++lane) {
      const LaneWords& other = warp.lanes[lane];
      if ((rest >> lane & 1) != 0 && other.place == first.place && other.mask == first.mask) {
        here |= uint32_t{1} << lane;
      }
    }
    rest &= ~here;
    if (here != mask) continue;
    Carry(warp.lanes, mask);
    warp.waiting &= ~mask;
    for (uint32_t lane = 0; lane < kWarp; ++lane) {
      if ((mask >> lane & 1) != 0) states_[number * kWarp + lane].state = State::kReady;
    }
    moved = true;
  }
  return moved;
}

// Opens where all threads of the block stand at one barrier.
bool Simulator::ReleaseBarrier() {
  for (const Thread& thread : states_) {
    if (thread.state != State::kAtBarrier || thread.place != states_[0].place) return false;
  }
  for (Thread& thread : states_) {
    thread.state = State::kReady;
    ++thread.block_barriers;
  }
  return true;
}

std::string Simulator::NameOf(uint32_t thread) const {
  return absl::StrCat("thread ", thread, " of block ", block_number_);
}

absl::Status Simulator::Stuck() const {
  // One that waits, and one that does not stand beside it.
  uint32_t waiting = 0;
  while (states_[waiting].state == State::kDone) ++waiting;
  const Thread& one = states_[waiting];
  uint32_t other = 0;
  while (other + 1 < threads_ && states_[other].state != State::kDone &&
         states_[other].place == one.place) {
    ++other;
  }
  const Thread& two = states_[other];
  const std::string where =
      two.state == State::kDone ? std::string("has ended") : absl::StrCat("waits at ", two.place);
  return FailureError(absl::StrCat(
      "kernel ", launch_->name, ": ", NameOf(waiting), " waits at ", one.place, ", ", NameOf(other),
      " ", where, ": ", one.state == State::kAtBarrier ? "a barrier" : "an exchange of the warp",
      " that not all threads come to (divergent)"));
}

uint32_t Simulator::Wait(LaneWords words) {
  const uint32_t thread = fibers_.current(), lane = thread % kWarp;
  if ((words.mask >> lane & 1) == 0) {
    Fail(words.place, absl::StrCat("lane ", lane, " is not in its own mask ", words.mask));
  }
  Warp& warp = warps_[thread / kWarp];
  warp.lanes[lane] = words;
  warp.waiting |= uint32_t{1} << lane;
  states_[thread].state = State::kInWarp;
  states_[thread].place = words.place;
  fibers_.Suspend();
  return warp.lanes[lane].words[0];
}

void Simulator::Check(const void* address, uint64_t bytes, int32_t kind, const char* place) {
  const char* verb = (kind & kSimWrite) != 0 ? "writes " : "reads ";
  const uint64_t alignment = static_cast<uint64_t>(kind >> kSimAlignmentShift);
  if (reinterpret_cast<uint64_t>(address) % std::max(alignment, uint64_t{1}) != 0) {
    Fail(place, absl::StrCat(verb, bytes, " bytes at an address that is no multiple of ", alignment,
                             ", which the code relies on"));
  }
  const bool shared = shared_.Contains(address);
  if (shared != ((kind & kSimShared) != 0)) {
    Fail(place, absl::StrCat(verb, bytes,
                             shared ? " bytes of shared memory by a global address"
                                    : " bytes outside of shared memory"));
  }
  if (shared) {
    const uint32_t thread = fibers_.current();
    const Thread& state = states_[thread];
    if (!shared_.Contains(static_cast<const uint8_t*>(address) + bytes - 1)) {
      Fail(place, absl::StrCat(verb, bytes, " bytes across the end of shared memory"));
    }
    std::string wrong = shared_.Access(address, bytes, (kind & kSimWrite) != 0,
                                       {thread, state.block_barriers, state.warp_barriers});
    if (!wrong.empty()) Fail(place, std::move(wrong));
    return;
  }
  if (launch_->ranges != nullptr && !launch_->ranges->Contains(address, bytes)) {
    Fail(place, absl::StrCat(verb, bytes, " bytes ", launch_->ranges->Describe(address),
                             ", which the launch was not given"));
  }
}

void Simulator::Fail(const char* place, std::string what) {
  failure_ = FailureError(absl::StrCat("kernel ", launch_->name, ", ", place, ": ",
                                       NameOf(fibers_.current()), ": ", what));
  // Never resumed: what this stack still owns is given back here.
  std::string().swap(what);
  for (;;) fibers_.Suspend();
}

}  // namespace hydra::hal::sim
