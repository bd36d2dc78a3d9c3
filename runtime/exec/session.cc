#include "runtime/exec/session.h"

#include <utility>

#include "runtime/base/status.h"
#include "runtime/hal/registry.h"

namespace hydra {

absl::StatusOr<Session> Session::Open(const std::string& path, const SessionOptions& options) {
  HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<artifact::Artifact> artifact,
                         artifact::Artifact::Open(path));
  return Open(std::shared_ptr<const artifact::Artifact>(std::move(artifact)), options);
}

absl::StatusOr<Session> Session::Open(std::shared_ptr<const artifact::Artifact> artifact,
                                      const SessionOptions& options) {
  const std::string& name = options.device.empty() ? artifact->info().target : options.device;
  HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<hal::Device> device,
                         hal::CreateDevice(name, {.threads = options.threads,
                                                  .validate = options.validate,
                                                  .perf_map = options.perf_map,
                                                  .sim_driver = options.sim_driver}));
  return Open(std::move(artifact), std::move(device), options.executor);
}

absl::StatusOr<Session> Session::Open(std::shared_ptr<const artifact::Artifact> artifact,
                                      std::unique_ptr<hal::Device> device,
                                      const ExecutorOptions& options) {
  Session session;
  session.device_ = std::move(device);
  HYDRA_ASSIGN_OR_RETURN(session.executor_,
                         Executor::Create(std::move(artifact), *session.device_, options));
  return session;
}

}  // namespace hydra
