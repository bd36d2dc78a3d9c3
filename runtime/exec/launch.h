// A prepared execution of entries: recorded once, run many times without allocation.
#ifndef HYDRA_RUNTIME_EXEC_LAUNCH_H_
#define HYDRA_RUNTIME_EXEC_LAUNCH_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/artifact/artifact.h"
#include "runtime/base/status.h"
#include "runtime/exec/control_block.h"
#include "runtime/exec/graph_use.h"
#include "runtime/exec/step_record.h"
#include "runtime/exec/typed_view.h"
#include "runtime/hal/device.h"

namespace hydra {

class Executor;

struct LaunchOptions {
  // Results that every run hands to the host by itself, for Fetch. A name counts in every part that
  // has it; an input error if none has. The others can be read with ReadOutput.
  std::vector<std::string> fetch = {};
  // Every run hands its step record to the host as a whole, for FetchRecord.
  bool fetch_record = false;
  hal::RecordOptions record = {};
};

// Measured time of one command.
struct ProfileRow {
  std::string entry;  // "accumulate@8x512"
  std::string scope;
  std::string kind;    // "kernel", "matmul", ...
  std::string kernel;  // or empty
  uint64_t runs = 0;
  double seconds = 0;  // sum over runs
  double fastest = 0;  // run, in seconds
};

// An input or output of a launch with elements of type T; found once, used every run.
template <typename T>
struct InputSlot {
  size_t slot = 0;
};
template <typename T>
struct OutputSlot {
  size_t slot = 0;
};

// Made by Executor, which must outlive it. Thread-compatible.
//
// A launch has parts: one entry for Prepare; `accumulate` and `apply` for PrepareStep. A part that
// runs once per micro-batch has that many pieces of every input, output and record field. Only part
// 0 has inputs. What is said of outputs holds for record fields too.
class Launch {
 public:
  int parts() const { return static_cast<int>(parts_.size()); }
  const artifact::EntryInfo& entry(int part = 0) const { return *parts_[part].entry; }
  int pieces(int part = 0) const { return static_cast<int>(parts_[part].runs); }
  // Model FLOPs of one run.
  uint64_t flops() const;

  // An input error names what exists; a failure if T is not the buffer's type.
  template <typename T>
  absl::StatusOr<InputSlot<T>> FindInput(absl::string_view name) const {
    absl::StatusOr<size_t> slot = FindSlot(true, name, 0, ElementTypeOf<T>::value);
    if (!slot.ok()) return slot.status();
    return InputSlot<T>{*slot};
  }
  // Outputs that were named in LaunchOptions::fetch.
  template <typename T>
  absl::StatusOr<OutputSlot<T>> FindOutput(absl::string_view name, int part = 0) const {
    absl::StatusOr<size_t> slot = FindSlot(false, name, part, ElementTypeOf<T>::value);
    if (!slot.ok()) return slot.status();
    return OutputSlot<T>{*slot};
  }

  // Host memory for a piece of an input of the next run: fill it whole, then Submit. What is not
  // staged keeps its value. Waits only while the ring is full; see CommandList::Stage.
  template <typename T>
  absl::StatusOr<absl::Span<T>> Stage(InputSlot<T> input, int piece = 0) {
    absl::StatusOr<absl::Span<uint8_t>> bytes =
        list_->Stage(input.slot, static_cast<uint32_t>(piece));
    if (!bytes.ok()) return bytes.status();
    return FromBytes<T>(*bytes);
  }
  // The control block of the next run.
  absl::Status StageControl(const ControlBlock& control);

  // Starts a run and returns; runs follow each other in order. Allocates nothing.
  absl::StatusOr<hal::Ticket> Submit();
  // Returns when the run is done, with the first error of it and those before it.
  absl::Status Await(hal::Ticket ticket) { return device_.Await(ticket); }
  // Elements of an output as they were when the run ended; see CommandList::Fetch.
  template <typename T>
  absl::StatusOr<absl::Span<const T>> Fetch(hal::Ticket ticket, OutputSlot<T> output,
                                            int piece = 0) {
    absl::StatusOr<absl::Span<const uint8_t>> bytes =
        list_->Fetch(ticket, output.slot, static_cast<uint32_t>(piece));
    if (!bytes.ok()) return bytes.status();
    return FromBytes<T>(*bytes);
  }
  // The step record of a run: the bytes that `record_fields` point into; see CommandList::Fetch. A
  // failure without LaunchOptions::fetch_record.
  absl::StatusOr<absl::Span<const uint8_t>> FetchRecord(hal::Ticket ticket);
  absl::Span<const RecordField> record_fields() const { return record_fields_; }
  // Duration of a finished run on the device, in seconds.
  absl::StatusOr<double> Seconds(hal::Ticket ticket) const { return device_.Seconds(ticket); }

  // Submit and Await.
  absl::Status Run();
  // Duration of the last Run.
  double seconds() const { return seconds_; }

  // Stages a whole input by name. An input error if the number of values is wrong.
  template <typename T>
  absl::Status SetInput(absl::string_view name, absl::Span<const T> values, int piece = 0) {
    absl::StatusOr<InputSlot<T>> input = FindInput<T>(name);
    if (!input.ok()) return input.status();
    return StageBytes(input->slot, AsBytes(values), piece);
  }
  // Reads an output of the last run, whether it was named for Fetch or not; waits for it.
  template <typename T>
  absl::StatusOr<std::vector<T>> ReadOutput(absl::string_view name, int part = 0, int piece = 0) {
    absl::StatusOr<const artifact::NamedBuffer*> buffer = FindResult(entry(part), name);
    if (!buffer.ok()) return buffer.status();
    std::vector<T> values((*buffer)->elements());
    absl::Status status = ReadOutput<T>(**buffer, 0, absl::MakeSpan(values), part, piece);
    if (!status.ok()) return status;
    return values;
  }
  // As above, from element `first` on.
  template <typename T>
  absl::Status ReadOutput(const artifact::NamedBuffer& buffer, uint64_t first, absl::Span<T> values,
                          int part = 0, int piece = 0) {
    absl::Status status = CheckType(buffer, ElementTypeOf<T>::value);
    if (!status.ok()) return status;
    return ReadOutputBytes(buffer, first * sizeof(T), AsWritableBytes(values), part, piece);
  }

  // The same whatever the type: an input of part 0 as a whole, an output of a part from byte
  // `offset` on.
  absl::Status SetInputBytes(const artifact::NamedBuffer& input, absl::Span<const uint8_t> bytes,
                             int piece = 0);
  absl::Status ReadOutputBytes(const artifact::NamedBuffer& buffer, uint64_t offset,
                               absl::Span<uint8_t> target, int part = 0, int piece = 0);

  // What runs from graphs, and why the rest does not.
  const GraphUse& graph_use() const { return graph_use_; }
  // Bytes that every run hands to the host by itself: what was named for Fetch, and the record.
  uint64_t fetched_bytes() const { return fetched_bytes_; }
  // Times of every command, if LaunchOptions::record asked for them; waits for the last run.
  absl::StatusOr<std::vector<ProfileRow>> Profile();

 private:
  friend class Executor;
  struct Part {
    const artifact::EntryInfo* entry = nullptr;
    hal::RegionBindings bindings;
    uint32_t runs = 1;
    uint64_t input_stride = 0, output_stride = 0, record_stride = 0;

    // Bytes from one piece of a buffer to the next.
    uint64_t stride(hal::Region region) const;
  };
  // What a slot of the list stands for.
  struct Named {
    const artifact::NamedBuffer* buffer = nullptr;  // null: the control block, or the record
    int part = 0;
    bool input = false;
  };

  Launch(Executor& executor, std::vector<Part> parts);

  absl::StatusOr<size_t> FindSlot(bool input, absl::string_view name, int part,
                                  hal::ElementType type) const;
  absl::Status StageBytes(size_t slot, absl::Span<const uint8_t> bytes, int piece);

  Executor& executor_;
  hal::Device& device_;
  const artifact::ArtifactInfo& info_;
  std::vector<Part> parts_;
  std::vector<Named> slots_;
  std::vector<RecordField> record_fields_;
  std::optional<size_t> control_slot_, record_slot_;
  std::unique_ptr<hal::CommandList> list_;
  GraphUse graph_use_;
  uint64_t fetched_bytes_ = 0;
  hal::Ticket last_;  // of the last run
  double seconds_ = 0;
};

}  // namespace hydra

#endif  // HYDRA_RUNTIME_EXEC_LAUNCH_H_
