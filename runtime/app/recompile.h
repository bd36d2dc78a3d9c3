// The program of a loaded model once more, compiled otherwise: what looks inside a step needs it.
#ifndef HYDRA_RUNTIME_APP_RECOMPILE_H_
#define HYDRA_RUNTIME_APP_RECOMPILE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "runtime/app/model.h"
#include "runtime/base/status.h"

namespace hydra::app {

struct Recompiled {
  Model model;                       // without weights
  std::string spec_name, spec_text;  // for messages: what was compiled
};
struct Recompilation {
  std::optional<Recompiled> program;
  std::string obstacle;  // why there is none: the artifact has no spec, or there is no compiler
};

// Its training step of that shape. Target, level, precision, routing and rule are those that
// `model` has, whatever the defaults; `settings` are added. Everything else is as `request`, which
// `model` was loaded with, says.
absl::StatusOr<Recompilation> Recompile(const Model& model, const ModelRequest& request,
                                        int64_t batch, int64_t seq,
                                        const std::map<std::string, std::string>& settings);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_RECOMPILE_H_
