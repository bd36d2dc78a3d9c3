// An artifact opened on a device: everything between a path and a launch.
#ifndef HYDRA_RUNTIME_EXEC_SESSION_H_
#define HYDRA_RUNTIME_EXEC_SESSION_H_

#include <memory>
#include <string>

#include "runtime/exec/executor.h"

namespace hydra {

struct SessionOptions {
  std::string device = {};  // empty: the one the artifact is compiled for
  int threads = 0;          // 0: all processors
  bool validate = false;    // check every command (runtime/hal/validation)
  bool perf_map = false;    // see hal::DeviceOptions
  std::string sim_driver = {};
  ExecutorOptions executor;
};

// Owns device and executor in the order they need. Movable; thread-compatible.
class Session {
 public:
  // Errors: those of CreateDevice, Artifact::Open and Executor::Create.
  static absl::StatusOr<Session> Open(const std::string& path, const SessionOptions& options);
  static absl::StatusOr<Session> Open(std::shared_ptr<const artifact::Artifact> artifact,
                                      const SessionOptions& options);
  // On a device that exists already; the options name none.
  static absl::StatusOr<Session> Open(std::shared_ptr<const artifact::Artifact> artifact,
                                      std::unique_ptr<hal::Device> device,
                                      const ExecutorOptions& options);

  hal::Device& device() const { return *device_; }
  Executor& executor() const { return *executor_; }
  const artifact::Artifact& artifact() const { return executor_->artifact(); }
  const artifact::ArtifactInfo& info() const { return executor_->info(); }

 private:
  Session() = default;

  std::unique_ptr<hal::Device> device_;
  std::unique_ptr<Executor> executor_;
};

}  // namespace hydra

#endif  // HYDRA_RUNTIME_EXEC_SESSION_H_
