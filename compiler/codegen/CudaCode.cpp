#include "compiler/codegen/CudaCode.h"

#include "compiler/codegen/GpuCode.h"
#include "compiler/codegen/KernelEmitters.h"
#include "dialects/plan/GpuLaunch.h"
#include "mlir/IR/Threading.h"
#include "runtime/artifact/gpu_image.h"
#include "runtime/io/cuda_toolkit.h"

using namespace mlir;
using namespace mlir::hydra;

static LogicalResult findKernels(CodeImage &image, Location location) {
  auto places = ::hydra::artifact::ReadGpuImage(image.isaLevel, image.bytes);
  if (!places.ok())
    return emitError(location) << "the code for " << image.isaLevel << ": "
                               << std::string(places.status().message());
  for (const auto &place : *places)
    image.offsets[place.name] = place.offset;
  return success();
}

static FailureOr<CudaImage> ptxImage(StringRef ptx, const GpuFacts &oldest, Location location) {
  CudaImage image;
  image.code.isaLevel = std::string(::hydra::artifact::kPtxPrefix) + oldest.name.substr(3).str();
  image.code.bytes.assign(ptx.begin(), ptx.end());
  image.code.bytes.push_back(0);
  if (failed(findKernels(image.code, location)))
    return failure();
  return image;
}

static FailureOr<CudaImage> assembledImage(ModuleOp plan, StringRef ptx, const GpuFacts &facts,
                                           const CudaAssembler &assembler) {
  FailureOr<Cubin> cubin = assembler.assemble(ptx, facts.name, plan.getLoc());
  if (failed(cubin))
    return failure();
  CudaImage image;
  image.code.isaLevel = facts.name.str();
  image.code.bytes = std::move(cubin->bytes);
  if (failed(findKernels(image.code, plan.getLoc())))
    return failure();
  for (auto kernel : plan.getOps<plan::KernelOp>())
    for (int stage = 0; stage < static_cast<int>(kernel.getItems().size()); ++stage) {
      AssembledKernel assembled;
      assembled.name = kernelFunctionName(kernel, stage);
      assembled.threads = plan::gpuLaunch(kernel, stage).threads;
      auto resources = cubin->resources.find(assembled.name);
      if (resources == cubin->resources.end())
        return kernel.emitOpError("is not in what ")
               << assembler.version() << " reports for " << facts.name;
      assembled.resources = resources->second;
      assembled.residentBlocks = residentBlocks(
          facts, assembled.threads, assembled.resources.registers, assembled.resources.sharedBytes);
      assembled.occupancyPercent =
          100 * assembled.residentBlocks * assembled.threads / facts.threads;
      image.kernels.push_back(std::move(assembled));
    }
  return image;
}

FailureOr<CudaCode> mlir::hydra::generateCudaCode(ModuleOp plan,
                                                  ArrayRef<const GpuFacts *> architectures) {
  FailureOr<std::optional<CudaAssembler>> assembler = CudaAssembler::find(plan.getLoc());
  FailureOr<OwningOpRef<ModuleOp>> device = generateNvvm(plan);
  if (failed(assembler) || failed(device))
    return failure();
  CudaCode code;
  if (*assembler)
    code.assembler = (*assembler)->version();
  else
    emitWarning(plan.getLoc()) << "no ptxas on this machine: the artifact holds PTX for "
                               << architectures.front()->name
                               << " alone, which a driver compiles whenever it loads it; "
                               << ::hydra::PtxasAdvice();
  // Without an assembler only the oldest is asked for.
  ArrayRef<const GpuFacts *> translated =
      architectures.take_front(*assembler ? architectures.size() : 1);
  SmallVector<std::string> texts(translated.size());
  SmallVector<CudaImage> images(translated.size());
  SmallVector<size_t> numbers = llvm::to_vector(llvm::seq(translated.size()));
  if (failed(failableParallelForEach(plan.getContext(), numbers, [&](size_t i) {
        FailureOr<std::string> ptx = translateToPtx(**device, *translated[i]);
        if (failed(ptx))
          return failure();
        texts[i] = std::move(*ptx);
        if (!*assembler)
          return success();
        FailureOr<CudaImage> image = assembledImage(plan, texts[i], *translated[i], **assembler);
        if (failed(image))
          return failure();
        images[i] = std::move(*image);
        return success();
      })))
    return failure();
  if (*assembler)
    llvm::append_range(code.images, std::move(images));
  FailureOr<CudaImage> ptx = ptxImage(texts.front(), *architectures.front(), plan.getLoc());
  if (failed(ptx))
    return failure();
  code.images.push_back(std::move(*ptx));
  return code;
}
