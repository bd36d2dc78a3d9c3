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
#include "runtime/exec/launch.h"
#include "runtime/exec/memory_regions.h"
#include "runtime/exec/typed_view.h"
#include "runtime/hal/device.h"

namespace hydra {

struct ExecutorOptions {
  // Largest A of PrepareStep.
  int micro_batches = 1;
  // ISA level to run; empty takes the best that artifact and device share.
  std::string isa_level;
};

// Thread-compatible. The device must outlive the executor, the executor its launches.
class Executor {
 public:
  // FailedPrecondition if the artifact is for another device or processor, naming the flag to use;
  // ResourceExhausted if its memory does not fit. Afterwards constants are in place, control and
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
  // `seq`. NotFound for an unknown name or variant; InvalidArgument if no shape fits, naming the
  // dimension. Both list what is present.
  absl::StatusOr<const artifact::EntryInfo*> FindEntry(absl::string_view name, int64_t batch,
                                                       int64_t seq,
                                                       absl::string_view variant = "") const;

  // Records one entry.
  absl::StatusOr<std::unique_ptr<Launch>> Prepare(const artifact::EntryInfo& entry);
  // Records `accumulate` once per micro-batch, each on its own inputs and outputs, then `apply`, as
  // one list. InvalidArgument if micro_batches is not in [1, this->micro_batches()].
  absl::StatusOr<std::unique_ptr<Launch>> PrepareStep(const artifact::EntryInfo& accumulate,
                                                      int micro_batches,
                                                      const artifact::EntryInfo& apply);

  // Fills the parameters with their initial values; see parameter_init.h.
  absl::Status InitializeParameters(uint64_t seed);
  // Back to the state after Create, parameters excepted.
  absl::Status ResetState();
  // Zeroes the decoding state.
  absl::Status ResetCache();

  // Elements of named buffers. NotFound for unknown names; InvalidArgument if T is not the type.
  // Parameters also go by their aliases.
  template <typename T>
  absl::StatusOr<absl::Span<T>> Parameter(absl::string_view name) {
    absl::StatusOr<const artifact::ParameterInfo*> parameter = FindParameter(name);
    if (!parameter.ok()) return parameter.status();
    return View<T>((*parameter)->buffer, bindings_);
  }
  template <typename T>
  absl::StatusOr<absl::Span<T>> Gradient(absl::string_view parameter_name) {
    absl::StatusOr<const artifact::NamedBuffer*> buffer = FindGradient(parameter_name);
    if (!buffer.ok()) return buffer.status();
    return View<T>(**buffer, bindings_);
  }
  // A per-parameter state of the optimizer, e.g. "m".
  template <typename T>
  absl::StatusOr<absl::Span<T>> State(absl::string_view parameter_name, absl::string_view state) {
    absl::StatusOr<const artifact::ParameterInfo*> parameter = FindParameter(parameter_name);
    if (!parameter.ok()) return parameter.status();
    return FindIn<T>((*parameter)->states, state, "optimizer state of the parameter");
  }
  template <typename T>
  absl::StatusOr<absl::Span<T>> Optimizer(absl::string_view name) {
    return FindIn<T>(info().optimizer, name, "optimizer buffer");
  }
  template <typename T>
  absl::StatusOr<absl::Span<T>> Control(absl::string_view name) {
    return FindIn<T>(info().control, name, "control value");
  }
  template <typename T>
  absl::StatusOr<absl::Span<T>> ControlState(absl::string_view name) {
    return FindIn<T>(info().control_state, name, "control state");
  }
  template <typename T>
  absl::StatusOr<absl::Span<T>> Cache(absl::string_view name) {
    return FindIn<T>(info().cache, name, "cache");
  }
  // Bytes of any named buffer outside inputs and outputs, whatever its type: for checkpoints.
  absl::StatusOr<absl::Span<uint8_t>> Bytes(const artifact::NamedBuffer& buffer);

  absl::StatusOr<const artifact::ParameterInfo*> FindParameter(absl::string_view name) const;

  // Planned and obtained bytes of every region and of the driver's workspaces.
  std::vector<MemoryLine> MemoryReport() const { return regions_->Report(device_); }

 private:
  Executor(std::shared_ptr<const artifact::Artifact> artifact, hal::Device& device)
      : artifact_(std::move(artifact)), device_(device) {}

  absl::Status LoadKernels(const std::string& wanted_level);
  absl::Status WriteInitialValues(const std::vector<artifact::NamedBuffer>& buffers);
  absl::Status Zero(hal::Region region);
  absl::StatusOr<std::unique_ptr<Launch>> Record(std::vector<Launch::Part> parts);
  absl::StatusOr<const artifact::NamedBuffer*> FindGradient(absl::string_view parameter) const;

  template <typename T>
  absl::StatusOr<absl::Span<T>> FindIn(const std::vector<artifact::NamedBuffer>& buffers,
                                       absl::string_view name, absl::string_view what) {
    absl::StatusOr<const artifact::NamedBuffer*> buffer = FindBuffer(buffers, name, what);
    if (!buffer.ok()) return buffer.status();
    return View<T>(**buffer, bindings_);
  }

  std::shared_ptr<const artifact::Artifact> artifact_;
  hal::Device& device_;
  std::string isa_level_;
  std::unique_ptr<hal::Executable> executable_;
  std::unique_ptr<MemoryRegions> regions_;
  hal::RegionBindings bindings_;  // of instance 0
};

}  // namespace hydra

#endif  // HYDRA_RUNTIME_EXEC_EXECUTOR_H_
