// What `help TOPIC` and the manual say beyond commands and flags.
#ifndef HYDRA_TOOLS_HYDRA_RUN_TOPICS_H_
#define HYDRA_TOOLS_HYDRA_RUN_TOPICS_H_

#include <string>
#include <vector>

namespace hydra::tools {

struct Topic {
  std::string name;   // one word
  std::string title;  // for a heading
  std::string text;   // lines of at most 100 characters, without a newline at the end
};

// In the order of the manual.
const std::vector<Topic>& Topics();

}  // namespace hydra::tools

#endif  // HYDRA_TOOLS_HYDRA_RUN_TOPICS_H_
