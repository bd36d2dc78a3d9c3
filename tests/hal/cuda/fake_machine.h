// The state of the fake driver: memory, streams, modules and graphs of one machine.
#ifndef HYDRA_TESTS_HAL_CUDA_FAKE_MACHINE_H_
#define HYDRA_TESTS_HAL_CUDA_FAKE_MACHINE_H_

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/hal/cuda/driver_api.h"
#include "tests/hal/cuda/fake_driver.h"

namespace hydra::hal::cuda {

// The handles of the driver API, which a caller sees as pointers only.
struct CUctx_st {};
struct CUevent_st {
  bool pending = false;
  double seconds = 0;  // of its last record
};
struct CUstream_st {
  std::deque<std::function<void()>> work;
};
struct CUfunc_st {
  std::string name;
  size_t parameters = 0;  // of eight bytes each
  struct CUmod_st* module = nullptr;
};
struct CUmod_st {
  std::string image;
  std::map<std::string, std::unique_ptr<CUfunc_st>> functions;
};
struct CUgraphNode_st {
  struct CUgraph_st* graph = nullptr;
  std::function<void()> run;
};
struct CUgraph_st {
  std::vector<std::unique_ptr<CUgraphNode_st>> nodes;
};
struct CUgraphExec_st {
  std::vector<std::function<void()>> nodes;
};

}  // namespace hydra::hal::cuda

namespace hydra::hal::testing {

class FakeMachine {
 public:
  static FakeMachine& Get();

  int Setting(const std::string& name) const { return static_cast<int>(settings_.at(name)); }
  uint64_t memory_bytes() const { return static_cast<uint64_t>(settings_.at("bytes")); }

  // Remembers the first broken rule and returns `result`.
  cuda::Result Broken(cuda::Result result, const std::string& rule);

  // Memory. Fresh bytes are 0xcd.
  uint8_t* Allocate(uint64_t bytes, bool on_host);
  bool Free(uint64_t address, bool on_host);
  // Whether [address, address + bytes) lies in one allocation.
  bool Holds(uint64_t address, uint64_t bytes, bool on_host) const;
  uint64_t free_bytes() const { return memory_bytes() - used_; }

  // Runs what is queued on every stream, until `done` says so.
  cuda::Result RunUntil(const std::function<bool()>& done);
  bool busy() const;

  // Work of a queue: marks the device as broken where memory is not there.
  void Copy(uint64_t target, uint64_t source, uint64_t bytes, bool target_on_host,
            bool source_on_host);
  void Copy(const cuda::Copy3D& copy);
  void Fill(const cuda::FillParameters& fill);
  void Launch(const std::string& kernel, const std::vector<uint64_t>& parameters, uint32_t blocks);

  std::recursive_mutex mutex;
  FakeCudaCounts counts;
  bool initialized = false;
  cuda::CUctx_st context;
  std::vector<std::unique_ptr<cuda::CUstream_st>> streams;
  std::vector<std::unique_ptr<cuda::CUmod_st>> modules;
  cuda::Result failed = cuda::kSuccess;  // sticky, as the driver's own

 private:
  FakeMachine();

  std::map<std::string, int64_t> settings_;
  std::map<uint64_t, uint64_t> device_, host_;  // bytes by address
  uint64_t used_ = 0;
};

}  // namespace hydra::hal::testing

#endif  // HYDRA_TESTS_HAL_CUDA_FAKE_MACHINE_H_
