// The NVIDIA architectures that there is code for: the one list of them, which the compiler's facts
// (dialects/target/GpuFacts.cpp) and the cuda driver read.
#ifndef HYDRA_RUNTIME_BASE_GPU_ARCHITECTURE_H_
#define HYDRA_RUNTIME_BASE_GPU_ARCHITECTURE_H_

namespace hydra {

struct GpuArchitecture {
  const char* name;  // of --arch
  int capability;    // 10 x major + minor
};

// From the oldest to the newest.
inline constexpr GpuArchitecture kGpuArchitectures[] = {
    {"sm_80", 80},    //
    {"sm_86", 86},    //
    {"sm_89", 89},    //
    {"sm_90", 90},    //
    {"sm_100", 100},  //
    {"sm_120", 120},
};

// The newest whose machine code a GPU of that compute capability runs: one of its generation that
// is not newer than it. Null if there is none; its driver compiles PTX.
constexpr const GpuArchitecture* FindGpuArchitecture(int capability) {
  const GpuArchitecture* found = nullptr;
  for (const GpuArchitecture& one : kGpuArchitectures) {
    const bool runs = one.capability / 10 == capability / 10 && one.capability <= capability;
    if (runs) found = &one;
  }
  return found;
}

}  // namespace hydra

#endif  // HYDRA_RUNTIME_BASE_GPU_ARCHITECTURE_H_
