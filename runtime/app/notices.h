// What the application says beside its results. A program prints it, a library may drop it.
#ifndef HYDRA_RUNTIME_APP_NOTICES_H_
#define HYDRA_RUNTIME_APP_NOTICES_H_

#include <functional>

#include "absl/strings/string_view.h"

namespace hydra::app {

// Value type; what is empty is not called.
struct Notices {
  std::function<void(absl::string_view)> note = nullptr;     // how something was done
  std::function<void(absl::string_view)> warning = nullptr;  // what a user may not expect

  void Note(absl::string_view message) const {
    if (note) note(message);
  }
  void Warn(absl::string_view message) const {
    if (warning) warning(message);
  }
};

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_NOTICES_H_
