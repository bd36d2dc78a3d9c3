#include "runtime/exec/session.h"

#include <utility>

#include "runtime/base/status.h"
#include "runtime/hal/registry.h"

namespace hydra {

absl::StatusOr<Session> Session::Open(const std::string& path, const SessionOptions& options) {
  Session session;
  HYDRA_ASSIGN_OR_RETURN(session.device_,
                         hal::CreateDevice(options.device, {options.threads, options.validate}));
  HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<artifact::Artifact> artifact,
                         artifact::Artifact::Open(path));
  HYDRA_ASSIGN_OR_RETURN(
      session.executor_,
      Executor::Create(std::shared_ptr<const artifact::Artifact>(std::move(artifact)),
                       *session.device_, options.executor));
  return session;
}

}  // namespace hydra
