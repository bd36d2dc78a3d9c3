#include "runtime/hal/sim/fibers.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

// Saves the registers that a call keeps (System V, x86-64) on this stack and its pointer in *save,
// and continues on the stack `to`. The floating-point control words are the same on all of them.
extern "C" void hydra_sim_switch(void** save, void* to);
// Where a new fibre starts: its argument stands in rbx, its function in rbp.
extern "C" void hydra_sim_enter();
asm(R"(
.text
.type hydra_sim_switch, @function
hydra_sim_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size hydra_sim_switch, .-hydra_sim_switch
.type hydra_sim_enter, @function
hydra_sim_enter:
  movq %rbx, %rdi
  callq *%rbp
  ud2
.size hydra_sim_enter, .-hydra_sim_enter
)");

namespace hydra::hal::sim {
namespace {

constexpr uint64_t kPage = 4096;
// Kernels keep vectors on their stacks and sanitizers make frames large; pages that nobody touches
// cost nothing.
constexpr uint64_t kStackBytes = uint64_t{64} << 10;

}  // namespace

Fibers::~Fibers() {
  for (const Fiber& fiber : fibers_) munmap(fiber.stack, kStackBytes);
}

void Fibers::Start(Fibers* self) {
  const uint32_t number = self->current_;
  self->body_(self->context_, number);
  self->fibers_[number].done = true;
  self->Suspend();
}

absl::Status Fibers::Reset(uint32_t count, Body body, void* context) {
  body_ = body;
  context_ = context;
  while (fibers_.size() < count) {
    void* stack =
        mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED || mprotect(stack, kPage, PROT_NONE) != 0) {
      return OutOfMemoryError(absl::StrCat("no memory for the stacks of ", count,
                                           " simulated threads: ", std::strerror(errno)));
    }
    fibers_.push_back({stack});
  }
  for (uint32_t i = 0; i < count; ++i) {
    // What hydra_sim_switch pops: r15, r14, r13, r12, rbx, rbp, and where it returns to. There the
    // stack is aligned as after a return: hydra_sim_enter is no callee.
    auto* top = reinterpret_cast<void**>(static_cast<uint8_t*>(fibers_[i].stack) + kStackBytes);
    *--top = nullptr;
    *--top = nullptr;
    *--top = reinterpret_cast<void*>(&hydra_sim_enter);
    *--top = reinterpret_cast<void*>(&Fibers::Start);
    *--top = this;
    for (int saved = 0; saved < 4; ++saved) *--top = nullptr;
    fibers_[i].top = top;
    fibers_[i].done = false;
  }
  return absl::OkStatus();
}

bool Fibers::Resume(uint32_t fiber) {
  current_ = fiber;
  hydra_sim_switch(&host_, fibers_[fiber].top);
  return fibers_[fiber].done;
}

void Fibers::Suspend() { hydra_sim_switch(&fibers_[current_].top, host_); }

}  // namespace hydra::hal::sim
