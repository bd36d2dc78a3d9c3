// Runs an artifact on a device: obtains its memory, finds its entries, prepares launches.
// Everything is obtained by Create and Prepare; running allocates nothing.
#ifndef HYDRA_RUNTIME_EXEC_EXECUTOR_H_
#define HYDRA_RUNTIME_EXEC_EXECUTOR_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/artifact/artifact.h"
#include "runtime/exec/control_block.h"
#include "runtime/exec/launch.h"
#include "runtime/exec/memory_demand.h"
#include "runtime/exec/memory_regions.h"
#include "runtime/exec/typed_view.h"
#include "runtime/hal/device.h"

namespace hydra {

struct ExecutorOptions {
  // Largest A of PrepareStep.
  int micro_batches = 1;
  // ISA level to run; empty takes the best that artifact and device share.
  std::string isa_level;
  // How much of every launch is graphs (--graph). A usage error if it is chosen on a device that
  // has none.
  hal::Capture capture = hal::Capture::kDefault;
};

// Thread-compatible. The device must outlive the executor, the executor its launches.
class Executor {
 public:
  // An input error if the artifact is for another device or processor, naming the flag to use;
  // out of memory if its memory does not fit. Afterwards constants are in place, control and
  // control_state have their initial values and everything else is zero.
  static absl::StatusOr<std::unique_ptr<Executor>> Create(
      std::shared_ptr<const artifact::Artifact> artifact, hal::Device& device,
      const ExecutorOptions& options);

  const artifact::Artifact& artifact() const { return *artifact_; }
  const artifact::ArtifactInfo& info() const { return artifact_->info(); }
  hal::Device& device() { return device_; }
  const hal::Device& device() const { return device_; }
  const std::string& isa_level() const { return isa_level_; }
  int micro_batches() const { return regions_->micro_batches(); }

  // The smallest entry (by batch times seq) of that name and variant with at least `batch` and
  // `seq`. An input error for an unknown name or variant; a usage error if no shape fits, naming
  // the dimension. Both list what is present.
  absl::StatusOr<const artifact::EntryInfo*> FindEntry(absl::string_view name, int64_t batch,
                                                       int64_t seq,
                                                       absl::string_view variant = "") const;

  // Records one entry.
  absl::StatusOr<std::unique_ptr<Launch>> Prepare(const artifact::EntryInfo& entry,
                                                  const LaunchOptions& options = {});
  // Records `accumulate` once per micro-batch, each on its own inputs, outputs and piece of the
  // record, then `apply`, as one list. A failure if micro_batches is not in [1,
  // this->micro_batches()].
  absl::StatusOr<std::unique_ptr<Launch>> PrepareStep(const artifact::EntryInfo& accumulate,
                                                      int micro_batches,
                                                      const artifact::EntryInfo& apply,
                                                      const LaunchOptions& options = {});

  // Fills the parameters with their initial values; see parameter_init.h.
  absl::Status InitializeParameters(uint64_t seed);
  // Back to the state after Create, parameters excepted.
  absl::Status ResetState();
  // Zeroes the decoding state.
  absl::Status ResetCache();
  // Writes all control values, for launches that stage none.
  absl::Status WriteControl(const ControlBlock& control);

  // A named buffer outside inputs and outputs: a parameter (also by its aliases), its gradient, a
  // value of control, control_state, cache, or the optimizer's own (not per parameter). An input
  // error says what there is instead.
  absl::StatusOr<const artifact::NamedBuffer*> Find(hal::Region region,
                                                    absl::string_view name) const;
  // A per-parameter state of the optimizer, e.g. "m".
  absl::StatusOr<const artifact::NamedBuffer*> FindState(absl::string_view parameter,
                                                         absl::string_view state) const;
  absl::StatusOr<const artifact::ParameterInfo*> FindParameter(absl::string_view name) const;

  // Copies between the host and a named buffer, after all runs so far. An error if T is not
  // its type or the number of values is not its size.
  template <typename T>
  absl::StatusOr<std::vector<T>> Read(const artifact::NamedBuffer& buffer) {
    absl::Status status = CheckType(buffer, ElementTypeOf<T>::value);
    if (!status.ok()) return status;
    std::vector<T> values(buffer.elements());
    status = ReadBytes(buffer, AsWritableBytes(absl::MakeSpan(values)));
    if (!status.ok()) return status;
    return values;
  }
  template <typename T>
  absl::StatusOr<std::vector<T>> Read(hal::Region region, absl::string_view name) {
    absl::StatusOr<const artifact::NamedBuffer*> buffer = Find(region, name);
    if (!buffer.ok()) return buffer.status();
    return Read<T>(**buffer);
  }
  template <typename T>
  absl::Status Write(const artifact::NamedBuffer& buffer, absl::Span<const T> values) {
    absl::Status status = CheckType(buffer, ElementTypeOf<T>::value);
    if (!status.ok()) return status;
    status = CheckSize(buffer, values.size());
    if (!status.ok()) return status;
    return WriteBytes(buffer, AsBytes(values));
  }
  template <typename T>
  absl::Status Write(hal::Region region, absl::string_view name, absl::Span<const T> values) {
    absl::StatusOr<const artifact::NamedBuffer*> buffer = Find(region, name);
    if (!buffer.ok()) return buffer.status();
    return Write<T>(**buffer, values);
  }
  // Whatever the type; the span has the buffer's size.
  absl::Status ReadBytes(const artifact::NamedBuffer& buffer, absl::Span<uint8_t> bytes);
  absl::Status WriteBytes(const artifact::NamedBuffer& buffer, absl::Span<const uint8_t> bytes);

  // Fills the derived buffers (copies of weights in another form) if a parameter was written since
  // they were. Launches do it before they run; nothing happens where the artifact has none.
  absl::Status Derive();

  // Planned and obtained bytes of every region and of the driver's workspaces.
  std::vector<MemoryLine> MemoryReport() const { return regions_->Report(device_); }

 private:
  Executor(std::shared_ptr<const artifact::Artifact> artifact, hal::Device& device)
      : artifact_(std::move(artifact)), device_(device) {}

  absl::Status LoadKernels(const std::string& wanted_level);
  absl::Status WriteInitialValues(const std::vector<artifact::NamedBuffer>& buffers);
  absl::Status Zero(hal::Region region);
  absl::StatusOr<std::unique_ptr<Launch>> Record(std::vector<Launch::Part> parts,
                                                 const LaunchOptions& options);

  std::shared_ptr<const artifact::Artifact> artifact_;
  hal::Device& device_;
  std::string isa_level_;
  hal::Capture capture_ = hal::Capture::kDefault;
  std::unique_ptr<hal::Executable> executable_;
  std::unique_ptr<MemoryRegions> regions_;
  MemoryDemand demand_;             // of all launches
  std::unique_ptr<Launch> derive_;  // of entry `derive`; prepared on first use
  bool derived_stale_ = true;
};

}  // namespace hydra

#endif  // HYDRA_RUNTIME_EXEC_EXECUTOR_H_
