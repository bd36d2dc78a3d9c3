// Flags that several subcommands share.
#ifndef HYDRA_TOOLS_HYDRA_RUN_MODEL_FLAGS_H_
#define HYDRA_TOOLS_HYDRA_RUN_MODEL_FLAGS_H_

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "runtime/base/status.h"
#include "tools/hydra-run/model.h"

namespace hydra::tools {

// Collects the texts of the flags; ToRequest checks them against the settings table.
struct ModelFlags {
  std::string model;
  std::map<std::string, std::string> settings;  // from flags of their own, e.g. --lr
  std::vector<std::string> assignments;         // --set KEY=VALUE
  int threads = 0;
  bool validate = false;

  // MODEL, compile settings (--target, --arch, --precision, --routing, --cache), --set, --threads,
  // --validate. `what` describes MODEL.
  void Declare(CLI::App& command, const std::string& what);
  // A flag that is a setting of the table; its help comes from there.
  void DeclareSetting(CLI::App& command, const std::string& flag, const std::string& key);

  // kInvalidArgument for unknown or ill-typed settings.
  absl::StatusOr<ModelRequest> ToRequest() const;
};

}  // namespace hydra::tools

#endif  // HYDRA_TOOLS_HYDRA_RUN_MODEL_FLAGS_H_
