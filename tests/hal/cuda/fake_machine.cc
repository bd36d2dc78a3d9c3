#include "tests/hal/cuda/fake_machine.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <sstream>

namespace hydra::hal::testing {

FakeMachine& FakeMachine::Get() {
  static FakeMachine& machine = *new FakeMachine;
  return machine;
}

FakeMachine::FakeMachine()
    : settings_{{"capability", 90}, {"driver", 13000}, {"gpus", 1}, {"bytes", 1 << 30}} {
  const char* text = std::getenv("HYDRA_FAKE_CUDA");
  std::istringstream stream(text == nullptr ? "" : text);
  for (std::string part; std::getline(stream, part, ',');) {
    const size_t equals = part.find('=');
    settings_[part.substr(0, equals)] = std::atoll(part.c_str() + equals + 1);
  }
}

cuda::Result FakeMachine::Broken(cuda::Result result, const std::string& rule) {
  if (counts.broken[0] == 0) std::strncpy(counts.broken, rule.c_str(), sizeof(counts.broken) - 1);
  return result;
}

uint8_t* FakeMachine::Allocate(uint64_t bytes, bool on_host) {
  if (bytes == 0 || (!on_host && bytes > free_bytes())) return nullptr;
  void* memory = nullptr;
  if (posix_memalign(&memory, 256, bytes) != 0) return nullptr;
  std::memset(memory, 0xcd, bytes);
  (on_host ? host_ : device_)[reinterpret_cast<uint64_t>(memory)] = bytes;
  if (!on_host) used_ += bytes;
  ++counts.allocations;
  return static_cast<uint8_t*>(memory);
}

bool FakeMachine::Free(uint64_t address, bool on_host) {
  auto& all = on_host ? host_ : device_;
  const auto found = all.find(address);
  if (found == all.end()) return false;
  if (!on_host) used_ -= found->second;
  all.erase(found);
  std::free(reinterpret_cast<void*>(address));
  return true;
}

bool FakeMachine::Holds(uint64_t address, uint64_t bytes, bool on_host) const {
  const auto& all = on_host ? host_ : device_;
  auto after = all.upper_bound(address);
  if (after == all.begin()) return false;
  --after;
  return address - after->first <= after->second &&
         bytes <= after->second - (address - after->first);
}

bool FakeMachine::busy() const {
  return std::any_of(streams.begin(), streams.end(),
                     [](const auto& stream) { return !stream->work.empty(); });
}

cuda::Result FakeMachine::RunUntil(const std::function<bool()>& done) {
  for (const std::unique_ptr<cuda::CUstream_st>& stream : streams) {
    while (!done() && !stream->work.empty()) {
      const std::function<void()> next = std::move(stream->work.front());
      stream->work.pop_front();
      next();
    }
  }
  return failed;
}

void FakeMachine::Copy(uint64_t target, uint64_t source, uint64_t bytes, bool target_on_host,
                       bool source_on_host) {
  // Host memory that the driver does not know is the caller's own.
  if ((!target_on_host && !Holds(target, bytes, false)) ||
      (!source_on_host && !Holds(source, bytes, false))) {
    failed = Broken(cuda::kIllegalAddress, "a copy outside of an allocation");
    return;
  }
  std::memmove(reinterpret_cast<void*>(target), reinterpret_cast<const void*>(source), bytes);
}

void FakeMachine::Copy(const cuda::Copy3D& copy) {
  for (size_t row = 0; row < copy.height; ++row) {
    Copy(copy.target + row * copy.target_pitch, copy.source + row * copy.source_pitch, copy.width,
         false, false);
  }
}

void FakeMachine::Fill(const cuda::FillParameters& fill) {
  for (size_t row = 0; row < fill.height; ++row) {
    const uint64_t address = fill.target + row * fill.pitch;
    if (!Holds(address, fill.width * fill.element_bytes, false)) {
      failed = Broken(cuda::kIllegalAddress, "a fill outside of an allocation");
      return;
    }
    for (size_t i = 0; i < fill.width; ++i) {
      std::memcpy(reinterpret_cast<uint8_t*>(address) + i * fill.element_bytes, &fill.value,
                  fill.element_bytes);
    }
  }
}

namespace {

using Parameters = std::vector<uint64_t>;

template <typename T>
T* Pointer(const Parameters& parameters, size_t index) {
  return reinterpret_cast<T*>(parameters[index]);
}

// As test_kernels.ptx has them: block b does items b, b + blocks, ...
void Count(const Parameters& p, uint64_t block, uint64_t blocks) {
  for (uint64_t i = block; i < p[3]; i += blocks) {
    Pointer<int32_t>(p, 0)[i] += static_cast<int32_t>(p[2]);
  }
}
void Double(const Parameters& p, uint64_t block, uint64_t blocks) {
  float* staged = Pointer<float>(p, 2) + 1024 * block;
  for (uint64_t i = block; i < p[3]; i += blocks) {
    std::fill_n(staged, 1024, Pointer<float>(p, 0)[i]);
    Pointer<float>(p, 1)[i] = staged[0] + staged[1023];
  }
}
void Poke(const Parameters& p, uint64_t, uint64_t) { Pointer<float>(p, 0)[p[2]] = 1.0f; }
void CopyItems(const Parameters& p, uint64_t block, uint64_t blocks) {
  for (uint64_t i = block; i < p[3]; i += blocks) {
    Pointer<float>(p, 1)[i] = Pointer<float>(p, 0)[i];
  }
}
void Slow(const Parameters& p, uint64_t, uint64_t) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(p[2]);
  while (std::chrono::steady_clock::now() < end) {
  }
  Pointer<float>(p, 0)[0] += 1.0f;
}

struct KnownKernel {
  size_t pointers;  // parameters in front that are memory
  void (*run)(const Parameters&, uint64_t, uint64_t);
};
const std::map<std::string, KnownKernel>& KnownKernels() {
  static const auto& kernels = *new std::map<std::string, KnownKernel>{{"count", {1, Count}},
                                                                       {"double", {3, Double}},
                                                                       {"poke", {1, Poke}},
                                                                       {"copy", {2, CopyItems}},
                                                                       {"slow", {1, Slow}}};
  return kernels;
}

}  // namespace

void FakeMachine::Launch(const std::string& kernel, const std::vector<uint64_t>& parameters,
                         uint32_t blocks) {
  const auto known = KnownKernels().find(kernel);
  if (known == KnownKernels().end()) return;
  for (size_t i = 0; i < known->second.pointers; ++i) {
    if (!Holds(parameters[i], 4, false)) {
      failed = Broken(cuda::kIllegalAddress, "kernel " + kernel + " outside of an allocation");
      return;
    }
  }
  for (uint32_t block = 0; block < blocks; ++block) known->second.run(parameters, block, blocks);
}

}  // namespace hydra::hal::testing
