// The device interface: memory, kernels, recorded command lists. Drivers live in folders of their
// own (cpu, cuda, sim) and are made by runtime/hal/registry.h.
//
// Objects are thread-compatible: one thread at a time may use a device and what belongs to it.
#ifndef HYDRA_RUNTIME_HAL_DEVICE_H_
#define HYDRA_RUNTIME_HAL_DEVICE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/hal/command.h"

namespace hydra::hal {

// A piece of device memory, freed by its destructor. Starts zeroed and aligned to 64 bytes.
class Buffer {
 public:
  virtual ~Buffer() = default;
  virtual uint64_t bytes() const = 0;
  // The memory as the host sees it, or null where the host cannot see it.
  virtual uint8_t* host_data() = 0;
};

// Kernels that were loaded together; KernelCommand::kernel counts them.
class Executable {
 public:
  virtual ~Executable() = default;
  virtual uint64_t kernel_count() const = 0;
};

// Where a kernel starts in a code blob.
struct KernelEntry {
  std::string name;
  uint64_t offset = 0;
};

// A kernel given as a function of this program. For tests.
struct NamedKernelFunction {
  std::string name;
  KernelFunction function = nullptr;
};

// The memory a region of a command sequence stands for: [offset, offset + bytes) of a buffer. A
// region that no command names may stay empty. `scratch` is cut into equal parts, one per worker,
// each a multiple of 64 bytes.
struct RegionBinding {
  Buffer* buffer = nullptr;
  uint64_t offset = 0;
  uint64_t bytes = 0;
};
using RegionBindings = std::array<RegionBinding, kRegionCount>;

// One command sequence with the memory it works on. A step is recorded as several of these:
// accumulate for each micro-batch (other inputs and outputs), then apply.
struct Recording {
  const CommandSequence* commands = nullptr;  // read while recording only
  RegionBindings regions;
  std::vector<DeadRange> dead;
};

// One command of a recorded list, in recorded order; the commands of all cases of a switch are
// listed.
struct CommandProfile {
  uint32_t recording = 0;  // index of the Recording it came from
  uint32_t scope = 0;
  absl::string_view kind;  // "kernel", "matmul", ...; static storage
  std::string kernel;      // name of the kernel, or empty
  uint64_t runs = 0;
  double seconds = 0;  // sum over runs
};

// A recorded, replayable command list. Everything it needs was resolved, created and allocated
// while recording. It borrows the executable and the buffers, which must outlive it.
class CommandList {
 public:
  virtual ~CommandList() = default;
  // Measures each command of later submissions. Off at first: it costs two clock reads per command.
  virtual void set_profiling(bool enabled) = 0;
  virtual const std::vector<CommandProfile>& profile() const = 0;
};

// A submission, to wait for it and to ask for its time.
struct Event {
  uint64_t sequence = 0;
};

// Bytes obtained for one purpose, current sum.
struct MemoryUse {
  std::string purpose;
  uint64_t bytes = 0;
};

class Device {
 public:
  virtual ~Device() = default;

  virtual absl::string_view name() const = 0;  // "cpu"
  // One line for people: processor, threads.
  virtual std::string description() const = 0;
  // Instruction-set levels whose code this device runs, best first, by their `--arch` names.
  virtual const std::vector<std::string>& isa_levels() const = 0;
  // Workers that pick work items, which is also the number of scratch parts.
  virtual int thread_count() const = 0;

  // ResourceExhausted with what was asked for if there is no memory. Zero bytes are allowed.
  virtual absl::StatusOr<std::unique_ptr<Buffer>> Allocate(uint64_t bytes,
                                                           absl::string_view purpose) = 0;
  // Host access to any buffer, ordered after all submissions. OutOfRange beyond the buffer's end.
  virtual absl::Status Read(Buffer& buffer, uint64_t offset, absl::Span<uint8_t> target) = 0;
  virtual absl::Status Write(Buffer& buffer, uint64_t offset, absl::Span<const uint8_t> source) = 0;

  // Loads a code blob of the given level. cpu: flat position-independent code, entries checked to
  // lie inside. The code runs with the rights of this process: it is trusted like a shared library.
  virtual absl::StatusOr<std::unique_ptr<Executable>> LoadKernels(
      absl::string_view isa_level, absl::Span<const uint8_t> code,
      absl::Span<const KernelEntry> entries) = 0;
  // Kernels of this program, for tests. Unimplemented where the device is not this processor.
  virtual absl::StatusOr<std::unique_ptr<Executable>> LoadKernelFunctions(
      absl::Span<const NamedKernelFunction> functions) = 0;

  // Checks the commands (command_check.h), resolves every pointer, creates every library primitive
  // and obtains its workspace, so that Submit allocates nothing of ours. InvalidArgument names the
  // command.
  virtual absl::StatusOr<std::unique_ptr<CommandList>> Record(
      const Executable& executable, absl::Span<const Recording> recordings) = 0;

  // Starts a recorded list; it may return before the work is done. Each command sees the results of
  // those before it. Results have the same bits for every thread count.
  virtual absl::StatusOr<Event> Submit(CommandList& list) = 0;
  // Returns when the submission and all before it are done, with the first error among them.
  virtual absl::Status Wait(Event event) = 0;
  // Duration of a finished submission in seconds; the last 64 are kept. NotFound for older ones.
  virtual absl::StatusOr<double> Seconds(Event event) const = 0;

  // Bytes obtained so far per purpose, workspaces of the driver included ("matmul workspace").
  virtual std::vector<MemoryUse> memory_use() const = 0;
};

}  // namespace hydra::hal

#endif  // HYDRA_RUNTIME_HAL_DEVICE_H_
