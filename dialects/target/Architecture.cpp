#include "dialects/target/Architecture.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir::hydra;

static constexpr llvm::StringLiteral kNative = "native";

std::string mlir::hydra::cpuArchitectureNames() {
  return kNative.str() + ", " + ::hydra::CpuLevelNames();
}

static std::string describe(const GpuFacts &gpu) {
  return ("'" + gpu.name + "' (" + gpu.example + ", compute capability " +
          llvm::Twine(gpu.computeCapability / 10) + "." + llvm::Twine(gpu.computeCapability % 10) +
          ")")
      .str();
}

static llvm::Error unknownGpu(llvm::StringRef name) {
  return llvm::createStringError("'" + name +
                                 "' is none of the NVIDIA architectures that HYDRA knows, " +
                                 gpuNames() + "; older ones are not supported");
}

llvm::Error mlir::hydra::checkCpuLevel(llvm::StringRef name) {
  if (name == kNative || findCpuFacts(name))
    return llvm::Error::success();
  if (const GpuFacts *gpu = findGpuFacts(name))
    return llvm::createStringError(describe(*gpu) +
                                   " is an architecture of --target=cuda; add that, or give one "
                                   "of " +
                                   cpuArchitectureNames());
  if (name.starts_with("sm_"))
    return unknownGpu(name);
  return llvm::createStringError("expected " + cpuArchitectureNames() + ", found '" + name + "'");
}

llvm::Error mlir::hydra::checkGpuArchitecture(llvm::StringRef name) {
  if (findGpuFacts(name))
    return llvm::Error::success();
  if (name.starts_with("sm_"))
    return unknownGpu(name);
  if (name == kNative || findCpuFacts(name))
    return llvm::createStringError("'" + name + "' is no architecture of --target=cuda: expected " +
                                   gpuNames() + "; without --arch it is " + allGpuFacts()[0].name);
  return llvm::createStringError("expected " + gpuNames() + ", found '" + name + "'");
}

llvm::Expected<llvm::SmallVector<const GpuFacts *>>
mlir::hydra::resolveGpuArchitectures(llvm::ArrayRef<std::string> names) {
  llvm::SmallVector<const GpuFacts *> found;
  for (const std::string &name : names) {
    if (llvm::Error error = checkGpuArchitecture(name))
      return error;
    if (const GpuFacts *gpu = findGpuFacts(name); !llvm::is_contained(found, gpu))
      found.push_back(gpu);
  }
  if (found.empty())
    found.push_back(&allGpuFacts().front());
  llvm::sort(found, [](const GpuFacts *a, const GpuFacts *b) {
    return a->computeCapability < b->computeCapability;
  });
  return found;
}

llvm::Expected<llvm::SmallVector<const CpuFacts *>>
mlir::hydra::resolveCpuLevels(llvm::ArrayRef<std::string> names, const ::hydra::CpuSource &source) {
  const std::string native[] = {kNative.str()};
  llvm::SmallVector<const CpuFacts *> levels;
  for (const std::string &name : names.empty() ? llvm::ArrayRef<std::string>(native) : names) {
    if (llvm::Error error = checkCpuLevel(name))
      return error;
    const CpuFacts *level = findCpuFacts(name);
    if (name == kNative) {
      std::vector<std::string> runnable = ::hydra::RunnableLevels(source);
      const ::hydra::CpuLevel &smallest = ::hydra::CpuLevels().front();
      if (runnable.empty())
        return llvm::createStringError("native: this processor, " + ::hydra::ProcessorName(source) +
                                       ", runs no level: for " + std::string(smallest.name) +
                                       ", the smallest, " + ::hydra::WhyNot(smallest, source) +
                                       "; name the levels of the machine that is to run the code");
      level = findCpuFacts(runnable.front());
    }
    if (!llvm::is_contained(levels, level))
      levels.push_back(level);
  }
  return levels;
}
