// What a diagnosis has to say against a model or a run.
#ifndef HYDRA_RUNTIME_APP_FINDING_H_
#define HYDRA_RUNTIME_APP_FINDING_H_

#include <string>

namespace hydra::app {

struct Finding {
  std::string place;    // a tensor, a layer, a step
  std::string problem;  // with the numbers that say so, and the bound
  std::string advice;   // what to do next
};

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_FINDING_H_
