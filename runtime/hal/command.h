// The commands that devices execute. Declared in runtime/base so that the artifact reader sees them too.
#ifndef HYDRA_RUNTIME_HAL_COMMAND_H_
#define HYDRA_RUNTIME_HAL_COMMAND_H_

#include "runtime/base/command.h"  // IWYU pragma: export

#endif  // HYDRA_RUNTIME_HAL_COMMAND_H_
