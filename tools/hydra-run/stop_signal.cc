#include "tools/hydra-run/stop_signal.h"

#include <csignal>

namespace hydra::tools {
namespace {

// A handler can reach nothing else.
volatile std::sig_atomic_t caught = 0;

extern "C" void Remember(int signal) { caught = signal; }

}  // namespace

void CatchStopSignals() {
  struct sigaction action = {};
  action.sa_handler = Remember;
  // Back to the default after the first one, so that an impatient user is obeyed.
  action.sa_flags = SA_RESTART | SA_RESETHAND;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
}

int CaughtSignal() { return caught; }

}  // namespace hydra::tools
