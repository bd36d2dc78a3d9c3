// Where the CUDA Toolkit's assembler is on this machine: what hydra-opt runs and doctor shows.
#ifndef HYDRA_RUNTIME_IO_CUDA_TOOLKIT_H_
#define HYDRA_RUNTIME_IO_CUDA_TOOLKIT_H_

#include <string>

namespace hydra {

// The path of ptxas: what HYDRA_PTXAS says, if it is set (empty: none); else the first that can be
// run of $CUDA_HOME/bin, the folders of PATH and /usr/local/cuda/bin. "" if there is none.
std::string FindPtxas();

// What to do where there is none: "install the CUDA Toolkit ...".
std::string PtxasAdvice();

}  // namespace hydra

#endif  // HYDRA_RUNTIME_IO_CUDA_TOOLKIT_H_
