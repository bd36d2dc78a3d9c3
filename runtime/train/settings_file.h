// Settings from a file: train --config.
#ifndef HYDRA_RUNTIME_TRAIN_SETTINGS_FILE_H_
#define HYDRA_RUNTIME_TRAIN_SETTINGS_FILE_H_

#include <string>

#include "runtime/base/status.h"
#include "runtime/train/settings.h"

namespace hydra::train {

// Takes the settings of a JSON file for keys that were not given yet. The file is an object of
// settings, or one with a member "settings", as run.json of a checkpoint is; values are texts,
// numbers or booleans. What equals the default counts as not given. Input errors name line and key,
// with the nearest key for an unknown one.
absl::Status ReadSettingsFile(const std::string& path, Settings& settings);

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_SETTINGS_FILE_H_
