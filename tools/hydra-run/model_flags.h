// Flags that several commands share: the model, its compile settings, settings of the run.
#ifndef HYDRA_TOOLS_HYDRA_RUN_MODEL_FLAGS_H_
#define HYDRA_TOOLS_HYDRA_RUN_MODEL_FLAGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/app/model.h"
#include "runtime/base/status.h"
#include "tools/hydra-run/command_line.h"

namespace hydra::tools {

using app::DecodingEntries;
using app::DefaultEntries;
using app::EntryRequest;
using app::LoadModel;
using app::LoadWeights;
using app::Model;
using app::ModelRequest;

// Collects what was given; ToRequest checks it against the settings table.
struct ModelFlags {
  std::string command;  // for messages
  std::string model;
  std::vector<std::string> run_settings;                      // keys that the command uses
  std::vector<std::pair<std::string, std::string>> settings;  // from flags of their own
  std::vector<std::string> assignments;                       // --set KEY=VALUE
  int64_t threads = 0;
  bool validate = false;
  std::string graph = "whole";
  std::string sim_driver;

  // MODEL, the compile settings as flags (--target, --arch, ...), --set, --threads, --validate.
  // `what` describes MODEL; `uses`: the run settings that have an effect on this command, which
  // --set takes too; all others are refused.
  void Declare(Command& command, const std::string& name, const std::string& what,
               const std::vector<std::string>& uses, bool model_required = true);
  // --graph and --sim-driver, of commands whose work may be one graph of the device.
  void DeclareGraph(Command& declared);
  // A flag of its own for a setting of the table: "batch" as --batch. Help and type come from
  // there.
  void DeclareSetting(Command& command, const std::string& key);

  // A usage error for settings that are unknown, ill-typed, given twice, or without effect.
  absl::StatusOr<ModelRequest> ToRequest() const;
};

// --at-step of commands that do not train: see app::PhaseInUse.
void DeclareAtStep(Command& command, std::optional<int64_t>& at_step);

}  // namespace hydra::tools

#endif  // HYDRA_TOOLS_HYDRA_RUN_MODEL_FLAGS_H_
