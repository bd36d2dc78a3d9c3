// The device interface: memory, kernels, recorded command lists. Drivers live in folders of their
// own (cpu, cuda, sim) and are made by runtime/hal/registry.h.
//
// Nobody above this header sees a pointer to device memory. Values go in by Stage and come out by
// Fetch, through rings of host memory that belong to a command list; whole buffers are read and
// written between submissions. Callers ask for capabilities, never for a device's name.
//
// One thread at a time may use a device and what belongs to it. The work itself runs elsewhere:
// Submit returns before it is done, on every driver. An error of a submission is reported by every
// later call on the device that depends on work; nothing runs after it.
#ifndef HYDRA_RUNTIME_HAL_DEVICE_H_
#define HYDRA_RUNTIME_HAL_DEVICE_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/base/available_memory.h"
#include "runtime/hal/command.h"

namespace hydra::hal {

// A piece of device memory. Starts zeroed and aligned to 64 bytes (a device may align more). The
// destructor waits for the submissions that may use it.
class Buffer {
 public:
  virtual ~Buffer() = default;
  virtual uint64_t bytes() const = 0;
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
  std::string location = {};  // in the model's spec, for messages; empty if unknown
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

// One command sequence with the memory it works on, run `repeat` times. Run i sees the regions
// inputs, outputs and record moved by i times their stride; every other region is the same in each
// run. What it points to is read while recording only.
struct Recording {
  const CommandSequence* commands = nullptr;
  RegionBindings regions;
  absl::Span<const DeadRange> dead = {};
  uint32_t repeat = 1;
  uint64_t input_stride = 0, output_stride = 0, record_stride = 0;  // bytes, multiples of 64
  absl::Span<const std::string> scopes = {};  // names of Command::scope, for messages; may be empty
};

// A range of device memory that takes bytes from the host before a submission runs (kIn), or gives
// them to the host after it (kOut). One slot may be several equal pieces at a fixed stride, e.g.
// the tokens of every micro-batch.
enum class SlotDirection : uint8_t { kIn, kOut };
struct Slot {
  std::string name;  // for messages
  SlotDirection direction = SlotDirection::kIn;
  Buffer* buffer = nullptr;
  uint64_t offset = 0;  // of piece 0
  uint64_t bytes = 0;   // of one piece
  uint32_t pieces = 1;
  uint64_t stride = 0;  // from piece to piece; means nothing for one piece
};

enum class Capture : uint8_t {
  kDefault,   // as much in graphs as the device can
  kOff,       // no graphs
  kSegments,  // graphs with host-driven launches between them: same kernels, same bits
};

struct RecordOptions {
  // Submissions of the list that may be in flight at once: the depth of every ring.
  int ring = 3;
  Capture capture = Capture::kDefault;
  bool profile = false;  // times each command; costs two clock reads or two events per command
};

// What became of a part of a list. A device without graphs reports one segment.
struct Segment {
  uint64_t first_command = 0, command_count = 0;  // in recorded order
  bool captured = false;
  std::string reason;  // why it is not one graph with the rest; empty if it is
  uint64_t nodes = 0;  // of its graph
};

// One command of a recorded list, in recorded order; the commands of all cases of a switch are
// listed, those of a repeated recording once.
struct CommandProfile {
  uint32_t recording = 0;  // index of the Recording it came from
  uint32_t scope = 0;
  absl::string_view kind;  // "kernel", "matmul", ...; static storage
  std::string kernel;      // name of the kernel, or empty
  uint64_t runs = 0;
  double seconds = 0;  // sum over runs
  double fastest = 0;  // run, in seconds

  // Counts a run.
  void Add(double elapsed) {
    fastest = runs == 0 ? elapsed : std::min(fastest, elapsed);
    seconds += elapsed;
    ++runs;
  }
};

// A submission of one list. Tickets of a device grow in the order of submission; 0 is none.
struct Ticket {
  uint64_t sequence = 0;
};

// A recorded, replayable command list. Everything it needs was resolved, created and allocated
// while recording: Stage, Submit, Await and Fetch allocate nothing. It borrows the executable and
// the buffers, which must outlive it. The destructor waits for its submissions.
class CommandList {
 public:
  virtual ~CommandList() = default;

  // Host memory for one piece of an input slot of the NEXT submission: fill it whole, then Submit.
  // A piece that was not staged keeps its value on the device. Waits only while all submissions of
  // the ring are in flight. The span is valid until Submit. A failure for a slot or piece
  // that does not exist; otherwise the device's first error.
  virtual absl::StatusOr<absl::Span<uint8_t>> Stage(size_t slot, uint32_t piece = 0) = 0;
  // Bytes of an output slot as they were when the submission ended; waits for it. The span is
  // valid until the ring comes round, `ring` submissions later; a failure afterwards,
  // naming both tickets.
  virtual absl::StatusOr<absl::Span<const uint8_t>> Fetch(Ticket ticket, size_t slot,
                                                          uint32_t piece = 0) = 0;

  virtual absl::Span<const Segment> segments() const = 0;
  // Counts and times of finished submissions; all zero unless RecordOptions::profile. To be read
  // while none is in flight.
  virtual const std::vector<CommandProfile>& profile() const = 0;
};

// What a device can do. Fixed when it is made.
struct Capabilities {
  bool graphs = false;
  bool conditional_nodes = false;
  bool asynchronous_host = false;  // Submit returns before the work is done
  bool kernel_functions = false;   // LoadKernelFunctions
  bool command_profile = false;    // RecordOptions::profile
  std::vector<ElementType> matmul_types;
  int workers = 1;        // threads of the host that pick work items
  int scratch_parts = 1;  // equal parts that the scratch region is cut into
};

// Bytes obtained for one purpose, current sum.
struct MemoryUse {
  std::string purpose;
  uint64_t bytes = 0;
};

// Something that decides the bits of results, for people and for comparison.
struct RuntimeFact {
  std::string name;
  std::string value;
};

class Device {
 public:
  virtual ~Device() = default;

  virtual absl::string_view name() const = 0;  // "cpu"; for messages and the artifact's target
  // One line for people: processor, threads.
  virtual std::string description() const = 0;
  virtual const Capabilities& capabilities() const = 0;
  // Instruction-set levels whose code this device runs, best first, by their `--arch` names.
  virtual const std::vector<std::string>& isa_levels() const = 0;
  // What beyond the artifact decides the bits of a result here: processor, libraries and what they
  // are held to. Never anything that depends on threads. A checkpoint records them, and a resume
  // names each that differs. Complete once kernels are loaded.
  virtual std::vector<RuntimeFact> RuntimeFacts() const = 0;

  // Out of memory with what was asked for if there is no memory. Zero bytes are allowed.
  virtual absl::StatusOr<std::unique_ptr<Buffer>> Allocate(uint64_t bytes,
                                                           absl::string_view purpose) = 0;
  // Host access to any buffer, ordered after all submissions so far, for which it waits. A failure
  // beyond the buffer's end.
  virtual absl::Status Read(const Buffer& buffer, uint64_t offset, absl::Span<uint8_t> target) = 0;
  virtual absl::Status Write(Buffer& buffer, uint64_t offset, absl::Span<const uint8_t> source) = 0;
  virtual absl::Status Fill(Buffer& buffer, uint64_t offset, uint64_t bytes, uint8_t value) = 0;

  // Loads a code blob of the given level. cpu: flat position-independent code, entries checked to
  // lie inside. The code runs with the rights of this process: it is trusted like a shared library.
  virtual absl::StatusOr<std::unique_ptr<Executable>> LoadKernels(
      absl::string_view isa_level, absl::Span<const uint8_t> code,
      absl::Span<const KernelEntry> entries) = 0;
  // Kernels of this program, for tests. A failure without the capability kernel_functions.
  virtual absl::StatusOr<std::unique_ptr<Executable>> LoadKernelFunctions(
      absl::Span<const NamedKernelFunction> functions) = 0;

  // Checks commands (command_check.h), bindings and slots, resolves every address, creates every
  // library primitive and obtains workspaces and rings, so that running allocates nothing of ours.
  // A failure names the command or the slot.
  virtual absl::StatusOr<std::unique_ptr<CommandList>> Record(
      const Executable& executable, absl::Span<const Recording> recordings,
      absl::Span<const Slot> slots, const RecordOptions& options) = 0;

  // Starts a recorded list with what was staged since its last submission; returns before the work
  // is done. Submissions run in order and each command sees the results of those before it. Results
  // have the same bits for every number of workers. Waits only while the ring is full.
  virtual absl::StatusOr<Ticket> Submit(CommandList& list) = 0;
  // Returns when the submission and all before it are done, with the first error among them.
  // A failure for a ticket that was never given.
  virtual absl::Status Await(Ticket ticket) = 0;
  // Duration of a finished submission in seconds; the last 64 are kept. A failure for others.
  virtual absl::StatusOr<double> Seconds(Ticket ticket) const = 0;

  // Bytes obtained so far per purpose; workspaces and rings of the driver included.
  virtual std::vector<MemoryUse> memory_use() const = 0;
  // What can still be touched of the device's memory now, and what bounds it.
  virtual AvailableMemory available_memory() const = 0;
};

}  // namespace hydra::hal

#endif  // HYDRA_RUNTIME_HAL_DEVICE_H_
