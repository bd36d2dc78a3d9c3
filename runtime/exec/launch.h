// A prepared execution of entries: recorded once, run many times without allocation.
#ifndef HYDRA_RUNTIME_EXEC_LAUNCH_H_
#define HYDRA_RUNTIME_EXEC_LAUNCH_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/artifact/artifact.h"
#include "runtime/exec/typed_view.h"
#include "runtime/hal/device.h"

namespace hydra {

// Measured time of one command.
struct ProfileRow {
  std::string entry;  // "accumulate@8x512", with "#i" for micro-batch i > 0
  std::string scope;
  std::string kind;    // "kernel", "matmul", ...
  std::string kernel;  // or empty
  uint64_t runs = 0;
  double seconds = 0;  // sum over runs
};

// Made by Executor, which must outlive it. Thread-compatible.
//
// A launch has parts: one for Prepare; for PrepareStep parts 0 .. A-1 are the micro-batches and part A is
// `apply`. Parts name inputs and outputs, which are separate for each.
class Launch {
 public:
  // Runs everything and waits. Allocates nothing.
  absl::Status Run();
  // Duration of the last Run on the device, in seconds.
  double seconds() const { return seconds_; }
  // Model FLOPs of one Run.
  uint64_t flops() const;

  int parts() const { return static_cast<int>(parts_.size()); }
  const artifact::EntryInfo& entry(int part = 0) const { return *parts_[part].entry; }

  // Elements of an input or output of a part, to write before and read after Run. NotFound with the names
  // that exist; InvalidArgument if T is not the buffer's type.
  template <typename T>
  absl::StatusOr<absl::Span<T>> Input(absl::string_view name, int part = 0) {
    return Find<T>(entry(part).inputs, name, "input", part);
  }
  template <typename T>
  absl::StatusOr<absl::Span<const T>> Output(absl::string_view name, int part = 0) const {
    return Find<T>(entry(part).outputs, name, "output", part);
  }

  // Measures each command of later runs; see CommandList::set_profiling.
  void set_profiling(bool enabled) { list_->set_profiling(enabled); }
  std::vector<ProfileRow> Profile() const;

 private:
  friend class Executor;
  struct Part {
    const artifact::EntryInfo* entry;
    hal::RegionBindings bindings;
  };

  Launch(hal::Device& device, const artifact::ArtifactInfo& info, std::vector<Part> parts,
         std::unique_ptr<hal::CommandList> list)
      : device_(device), info_(info), parts_(std::move(parts)), list_(std::move(list)) {}

  template <typename T>
  absl::StatusOr<absl::Span<T>> Find(const std::vector<artifact::NamedBuffer>& buffers,
                                     absl::string_view name, absl::string_view what,
                                     int part) const {
    absl::StatusOr<const artifact::NamedBuffer*> buffer = FindBuffer(buffers, name, what);
    if (!buffer.ok()) return buffer.status();
    return View<T>(**buffer, parts_[part].bindings);
  }

  hal::Device& device_;
  const artifact::ArtifactInfo& info_;
  std::vector<Part> parts_;
  std::unique_ptr<hal::CommandList> list_;
  double seconds_ = 0;
};

}  // namespace hydra

#endif  // HYDRA_RUNTIME_EXEC_LAUNCH_H_
