#include "dialects/target/Architecture.h"

#include "dialects/target/GpuFacts.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir::hydra;

static constexpr llvm::StringLiteral kNative = "native";

std::string mlir::hydra::cpuArchitectureNames() {
  return kNative.str() + ", " + ::hydra::CpuLevelNames();
}

llvm::Error mlir::hydra::checkCpuLevel(llvm::StringRef name) {
  if (name == kNative || findCpuFacts(name))
    return llvm::Error::success();
  if (const GpuFacts *gpu = findGpuFacts(name))
    return llvm::createStringError(
        "'" + name + "' (" + gpu->example + ", compute capability " +
        llvm::Twine(gpu->computeCapability / 10) + "." + llvm::Twine(gpu->computeCapability % 10) +
        ") is an architecture of --target=cuda, and this build has no code generator for it; give "
        "one of " +
        cpuArchitectureNames() + " for --target=cpu");
  if (name.starts_with("sm_"))
    return llvm::createStringError("'" + name +
                                   "' is none of the NVIDIA architectures that HYDRA knows, " +
                                   gpuNames() + "; older ones are not supported");
  return llvm::createStringError("expected " + cpuArchitectureNames() + ", found '" + name + "'");
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
