#include "runtime/hal/cpu/cpu_device.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/cpu_detection.h"
#include "runtime/base/cpu_level.h"
#include "runtime/base/status.h"
#include "runtime/hal/cpu/command_list.h"
#include "runtime/hal/cpu/matmul_primitive.h"
#include "runtime/hal/cpu/onednn_level.h"
#include "runtime/hal/cpu/recorder.h"
#include "runtime/hal/cpu/thread_pool.h"
#include "runtime/hal/host_buffer.h"
#include "runtime/hal/host_device.h"
#include "runtime/hal/kernel_image.h"

namespace hydra::hal::cpu {
namespace {

int AvailableProcessors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

std::string CLibrary() {
  char text[64] = {};
  return confstr(_CS_GNU_LIBC_VERSION, text, sizeof(text)) == 0 ? "unknown" : text;
}

// oneDNN divides its work by the sizes of these.
std::string DataCaches() {
  const auto kib = [](int name) { return std::max<long>(sysconf(name), 0) / 1024; };
  return absl::StrCat("L1 ", kib(_SC_LEVEL1_DCACHE_SIZE), " KiB, L2 ", kib(_SC_LEVEL2_CACHE_SIZE),
                      " KiB, L3 ", kib(_SC_LEVEL3_CACHE_SIZE), " KiB");
}

class CpuDevice final : public HostDevice {
 public:
  CpuDevice(int threads, bool perf_map) : perf_map_(perf_map), pool_(MatmulContext::PrepareThread) {
    memory_.tiles.resize(threads);
    capabilities_.matmul_types = {ElementType::kF32};
    capabilities_.workers = threads;
    capabilities_.scratch_parts = threads;
  }
  ~CpuDevice() override { queue_->Stop(); }

  absl::Status Start() {
    HYDRA_RETURN_IF_ERROR(pool_.Start(capabilities_.workers));
    return queue_->Start(&RunSubmission, this, MatmulContext::PrepareThread);
  }

  absl::string_view name() const override { return "cpu"; }
  std::string description() const override {
    return absl::StrCat(ProcessorName(HostCpu()), ", ", capabilities_.workers, " threads, ",
                        levels_.empty() ? "no supported level" : levels_.front());
  }
  std::vector<RuntimeFact> RuntimeFacts() const override {
    return {{"processor", ProcessorName(HostCpu())},
            {"data caches", DataCaches()},
            {"C library", CLibrary()},
            {"oneDNN", OneDnnVersion()},
            {"oneDNN level", std::string(loaded_ == nullptr ? "" : loaded_->onednn_isa)}};
  }

  absl::StatusOr<std::unique_ptr<Executable>> LoadKernels(
      absl::string_view isa_level, absl::Span<const uint8_t> code,
      absl::Span<const KernelEntry> entries) override {
    const CpuLevel* level = FindCpuLevel(isa_level);
    const std::string why_not = level == nullptr ? absl::StrCat("the levels are ", CpuLevelNames())
                                                 : WhyNot(*level, HostCpu());
    if (!why_not.empty()) {
      return InputError(absl::StrCat(
          "kernels for ", isa_level, " do not run on this processor: ", why_not, "; it runs ",
          levels_.empty() ? "none of the levels" : absl::StrJoin(levels_, ", "),
          levels_.empty() ? "" : absl::StrCat("; compile with --arch=", levels_.front())));
    }
    HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<KernelImage> image,
                           KernelImage::FromCode(*level, code, entries));
    loaded_ = level;
    if (perf_map_) HYDRA_RETURN_IF_ERROR(image->AppendToPerfMap());
    return image;
  }
  absl::StatusOr<std::unique_ptr<Executable>> LoadKernelFunctions(
      absl::Span<const NamedKernelFunction> functions) override {
    // This program's own code runs wherever it does; matmuls beside it are of the best level.
    loaded_ = levels_.empty() ? &CpuLevels().front() : FindCpuLevel(levels_.front());
    return KernelImage::FromFunctions(*loaded_, functions);
  }

  absl::StatusOr<Ticket> Submit(CommandList& list) override {
    return SubmitOwn(dynamic_cast<CpuCommandList*>(&list));
  }

 protected:
  absl::StatusOr<std::unique_ptr<HostCommandList>> RecordOwn(
      const KernelImage& image, absl::Span<const Recording> recordings, HostRing ring,
      const RecordOptions& options) override {
    auto list = std::make_unique<CpuCommandList>(std::move(ring), options);
    Recorder recorder(image, capabilities_.workers, [this, &image](const MatmulShape& shape) {
      return FindPrimitive(image.level(), shape);
    });
    HYDRA_RETURN_IF_ERROR(recorder.Record(recordings, *list));
    HYDRA_RETURN_IF_ERROR(Grow(recorder.workspace_bytes(), recorder.staging_bytes()));
    return list;
  }

 private:
  static absl::Status RunSubmission(void* context, void* item, uint64_t entry) {
    auto& device = *static_cast<CpuDevice*>(context);
    auto* list = static_cast<HostCommandList*>(item);
    return static_cast<CpuCommandList*>(list)->Run(entry, device.pool_, device.memory_);
  }

  absl::StatusOr<const MatmulPrimitive*> FindPrimitive(const CpuLevel& level,
                                                       const MatmulShape& shape) {
    HYDRA_RETURN_IF_ERROR(HoldOneDnn(level));
    if (matmul_ == nullptr) {
      HYDRA_ASSIGN_OR_RETURN(matmul_, MatmulContext::Create(capabilities_.workers));
    }
    auto found = primitives_.find(shape);
    if (found == primitives_.end()) {
      HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<MatmulPrimitive> primitive,
                             MatmulPrimitive::Create(*matmul_, shape));
      found = primitives_.emplace(shape, std::move(primitive)).first;
    }
    return found->second.get();
  }

  // One workspace serves every list: lists run one after the other, and read the addresses when
  // they run. The old one is kept until there is a new one.
  absl::Status Grow(uint64_t workspace_bytes, uint64_t staging_bytes) {
    workspace_bytes = std::max(workspace_bytes, workspace_bytes_);
    staging_bytes = std::max(staging_bytes, staging_bytes_);
    if (workspace_bytes == workspace_bytes_ && staging_bytes == staging_bytes_) {
      return absl::OkStatus();
    }
    const uint64_t first = (workspace_bytes + 63) / 64 * 64;
    const uint64_t stride = first + (staging_bytes + 63) / 64 * 64;
    HYDRA_ASSIGN_OR_RETURN(
        std::unique_ptr<HostBuffer> workspace,
        HostBuffer::Create(stride * capabilities_.workers, "matmul workspace", account_, nullptr));
    queue_->Drain();
    for (size_t i = 0; i < memory_.tiles.size(); ++i) {
      uint8_t* base = workspace->data() + i * stride;
      memory_.tiles[i] = {base, base + first};
    }
    workspace_ = std::move(workspace);
    workspace_bytes_ = workspace_bytes;
    staging_bytes_ = staging_bytes;
    return absl::OkStatus();
  }

  bool perf_map_;
  const CpuLevel* loaded_ = nullptr;       // of the kernels loaded last
  std::unique_ptr<MatmulContext> matmul_;  // null until a matmul is recorded
  std::map<MatmulShape, std::unique_ptr<MatmulPrimitive>> primitives_;
  std::unique_ptr<HostBuffer> workspace_;
  uint64_t workspace_bytes_ = 0, staging_bytes_ = 0;
  WorkerMemory memory_;
  ThreadPool pool_;  // last: its threads end before what they use
};

}  // namespace

absl::StatusOr<std::unique_ptr<Device>> CreateCpuDevice(int threads, bool perf_map) {
  if (threads < 0 || threads > 1024) {
    return UsageError(absl::StrCat("threads must be 0 (all) to 1024, found ", threads));
  }
  if (threads == 0) threads = AvailableProcessors();
  auto device = std::make_unique<CpuDevice>(threads, perf_map);
  HYDRA_RETURN_IF_ERROR(device->Start());
  return device;
}

}  // namespace hydra::hal::cpu
