// Stacks that take turns on one thread of the host: a fibre for each thread of a simulated block.
#ifndef HYDRA_RUNTIME_HAL_SIM_FIBERS_H_
#define HYDRA_RUNTIME_HAL_SIM_FIBERS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"

namespace hydra::hal::sim {

// Not thread-safe: one thread of the host resumes all of them.
class Fibers {
 public:
  using Body = void (*)(void* context, uint32_t fiber);

  Fibers() = default;
  ~Fibers();
  Fibers(const Fibers&) = delete;
  Fibers& operator=(const Fibers&) = delete;

  // Makes `count` fibres ready to run body(context, number) from its beginning, whatever they did
  // before: what they had on their stacks is abandoned. Out of memory if there is none for stacks.
  absl::Status Reset(uint32_t count, Body body, void* context);

  // Runs fibre `fiber` until it calls Suspend, or its body returns: then the result is true.
  bool Resume(uint32_t fiber);
  // From inside a fibre: back to Resume.
  void Suspend();
  // The fibre that runs.
  uint32_t current() const { return current_; }

 private:
  struct Fiber {
    void* stack = nullptr;  // its lowest page is a guard
    void* top = nullptr;    // saved stack pointer
    bool done = false;
  };

  static void Start(Fibers* self);

  std::vector<Fiber> fibers_;
  Body body_ = nullptr;
  void* context_ = nullptr;
  void* host_ = nullptr;  // saved stack pointer of Resume
  uint32_t current_ = 0;
};

}  // namespace hydra::hal::sim

#endif  // HYDRA_RUNTIME_HAL_SIM_FIBERS_H_
