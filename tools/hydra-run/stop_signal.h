// Signals as a question: has somebody asked us to stop?
#ifndef HYDRA_TOOLS_HYDRA_RUN_STOP_SIGNAL_H_
#define HYDRA_TOOLS_HYDRA_RUN_STOP_SIGNAL_H_

namespace hydra::tools {

// From now on these are remembered instead of ending the program:
//   SIGTERM, SIGINT  a second one ends the program at once, so that an impatient user is obeyed
//   SIGHUP           the terminal is gone; it comes more than once then. Left ignored under nohup
//   SIGPIPE          nobody reads our output any more; every further write to it fails
void CatchStopSignals();

// The signal that was caught first, or 0.
int CaughtSignal();

// What a program ends with that was told to stop and saved its work: 130 for SIGINT, the user's
// own doing, else 143.
int ExitCodeOfSignal();

}  // namespace hydra::tools

#endif  // HYDRA_TOOLS_HYDRA_RUN_STOP_SIGNAL_H_
