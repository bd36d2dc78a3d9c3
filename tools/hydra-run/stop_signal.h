// SIGTERM and SIGINT as a question: has somebody asked us to stop?
#ifndef HYDRA_TOOLS_HYDRA_RUN_STOP_SIGNAL_H_
#define HYDRA_TOOLS_HYDRA_RUN_STOP_SIGNAL_H_

namespace hydra::tools {

// From now on the first SIGTERM or SIGINT is remembered; a second one ends the program at once.
void CatchStopSignals();

// The signal that was caught, or 0.
int CaughtSignal();

}  // namespace hydra::tools

#endif  // HYDRA_TOOLS_HYDRA_RUN_STOP_SIGNAL_H_
