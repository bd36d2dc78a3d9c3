// A stand-in for NVIDIA's driver, to test the cuda driver where there is no GPU: a shared library
// libcuda.so.1 with the functions of runtime/hal/cuda/driver_api.h. Memory is the host's; what is
// put on a stream runs when somebody waits for it, not before, so that work is always late. Of
// kernels it runs those of the conformance suite; others of a module do nothing.
//
// It enforces the rules of the real one and remembers the first that was broken: a context is
// current, memory and copies stay inside allocations, nothing is freed that queued work uses,
// nodes depend on nodes of their graph.
//
// It is a machine of HYDRA_FAKE_CUDA, "capability=90,driver=13000,gpus=1,bytes=1073741824" by
// default; what is named there differs.
#ifndef HYDRA_TESTS_HAL_CUDA_FAKE_DRIVER_H_
#define HYDRA_TESTS_HAL_CUDA_FAKE_DRIVER_H_

#include <dlfcn.h>

#include <cstdint>

namespace hydra::hal::testing {

struct FakeCudaCounts {
  uint64_t graph_launches = 0, graph_nodes = 0;   // nodes: of the graphs launched
  uint64_t kernel_launches = 0;                   // outside of graphs
  uint64_t host_copies = 0, host_copy_bytes = 0;  // to the host
  uint64_t waits = 0;                             // of the host, for streams and events
  uint64_t allocations = 0;                       // of memory, host and device
  char broken[256] = {};                          // the first rule that was broken; empty: none
};

using ReadFakeCuda = void (*)(FakeCudaCounts*);
inline constexpr char kReadFakeCuda[] = "HydraReadFakeCuda";

// The counts of the driver that this process has opened; false if it is another one, or none.
inline bool ReadCounts(FakeCudaCounts& counts) {
  void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
  if (library == nullptr) return false;
  const auto read = reinterpret_cast<ReadFakeCuda>(dlsym(library, kReadFakeCuda));
  dlclose(library);
  if (read == nullptr) return false;
  read(&counts);
  return true;
}

}  // namespace hydra::hal::testing

#endif  // HYDRA_TESTS_HAL_CUDA_FAKE_DRIVER_H_
