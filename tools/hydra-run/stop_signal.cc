#include "tools/hydra-run/stop_signal.h"

#include <csignal>

#include "runtime/base/status.h"

namespace hydra::tools {
namespace {

// A handler can reach nothing else.
volatile std::sig_atomic_t caught = 0;

extern "C" void Remember(int signal) {
  if (caught == 0) caught = signal;
}

void Catch(int signal, bool once) {
  struct sigaction action = {};
  action.sa_handler = Remember;
  action.sa_flags = SA_RESTART | (once ? SA_RESETHAND : 0);
  sigaction(signal, &action, nullptr);
}

bool IsIgnored(int signal) {
  struct sigaction action = {};
  return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

void CatchStopSignals() {
  Catch(SIGTERM, /*once=*/true);
  // A shell without job control starts background jobs with SIGINT ignored; nohup ignores SIGHUP.
  if (!IsIgnored(SIGINT)) Catch(SIGINT, /*once=*/true);
  if (!IsIgnored(SIGHUP)) Catch(SIGHUP, /*once=*/false);
  Catch(SIGPIPE, /*once=*/false);
}

int CaughtSignal() { return caught; }

int ExitCodeOfSignal() {
  return caught == SIGINT ? 128 + SIGINT : static_cast<int>(ErrorKind::kInterrupted);
}

}  // namespace hydra::tools
