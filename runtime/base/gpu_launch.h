// What compiler and drivers agree on about launches on devices with blocks of threads, beside
// LaunchGeometry (command.h).
//
// A generated kernel of target cuda has parameters of eight bytes each: a pointer for every buffer
// of its KernelCommand, in order, the pointer to scratch memory (null where the plan has none),
// then the command's scalars. On target sim they stand in an array (sim_intrinsics.h).
#ifndef HYDRA_RUNTIME_BASE_GPU_LAUNCH_H_
#define HYDRA_RUNTIME_BASE_GPU_LAUNCH_H_

namespace hydra::hal {

// Into how many equal parts scratch memory is cut. A kernel that needs s bytes of it has at most so
// many workers (threads or warps, as it is written), and worker w uses bytes [w s, (w + 1) s).
inline constexpr int kGpuScratchParts = 256;

}  // namespace hydra::hal

#endif  // HYDRA_RUNTIME_BASE_GPU_LAUNCH_H_
