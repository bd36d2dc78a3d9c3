#include "tests/codegen/KernelHarness.h"

#include <sys/mman.h>

#include <cstring>

#include "dialects/plan/KernelScalars.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Parser/Parser.h"

#if __has_include("compiler/interpreter/Interpreter.h")
#include "compiler/interpreter/Interpreter.h"
#endif
#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::hydra;
using namespace mlir::hydra::testing;

Words Words::floats(const std::vector<float>& values) {
  Words result;
  for (float value : values) result.words.push_back(llvm::bit_cast<uint32_t>(value));
  return result;
}
Words Words::integers(const std::vector<int32_t>& values) {
  Words result;
  for (int32_t value : values) result.words.push_back(static_cast<uint32_t>(value));
  return result;
}
std::vector<float> Words::asFloats() const {
  std::vector<float> result;
  for (uint32_t word : words) result.push_back(llvm::bit_cast<float>(word));
  return result;
}
std::vector<int32_t> Words::asIntegers() const {
  return std::vector<int32_t>(words.begin(), words.end());
}

LoadedImage::LoadedImage(const CodeImage& image) : bytes(std::max<size_t>(image.bytes.size(), 1)) {
  memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  EXPECT_NE(memory, MAP_FAILED);
  std::memcpy(memory, image.bytes.data(), image.bytes.size());
  EXPECT_EQ(mprotect(memory, bytes, PROT_READ | PROT_EXEC), 0);
}
LoadedImage::~LoadedImage() { munmap(memory, bytes); }

namespace {

// Memory between two red zones, 64-byte aligned.
class GuardedBuffer {
 public:
  GuardedBuffer(size_t bytes, unsigned char fill)
      : size(bytes), storage(bytes + 2 * kZone + 64, kPattern) {
    std::memset(data(), fill, size);
  }
  unsigned char* data() {
    auto address = reinterpret_cast<uintptr_t>(storage.data()) + kZone;
    return reinterpret_cast<unsigned char*>((address + 63) / 64 * 64);
  }
  bool intact() {
    for (size_t i = 0; i < storage.size(); ++i) {
      bool outside = &storage[i] < data() || &storage[i] >= data() + size;
      if (outside && storage[i] != kPattern) return false;
    }
    return true;
  }
  size_t bytes() const { return size; }

 private:
  static constexpr size_t kZone = 256;
  static constexpr unsigned char kPattern = 0xA5;
  size_t size;
  std::vector<unsigned char> storage;
};

// The words of a buffer as they stand in memory: floats of a bf16 tensor as their upper halves.
std::vector<unsigned char> bytesOf(const Words& words, Type element) {
  std::vector<unsigned char> bytes(words.words.size() * (element.isBF16() ? 2 : 4));
  if (!element.isBF16()) {
    std::memcpy(bytes.data(), words.words.data(), bytes.size());
    return bytes;
  }
  for (size_t i = 0; i < words.words.size(); ++i) {
    auto half = static_cast<uint16_t>(words.words[i] >> 16);
    std::memcpy(&bytes[2 * i], &half, 2);
  }
  return bytes;
}

// Item ranges of a stage, in the order in which they run.
std::vector<std::pair<int64_t, int64_t>> ranges(int64_t items, Split split) {
  if (split == Split::whole) return {{0, items}};
  std::vector<std::pair<int64_t, int64_t>> result;
  int64_t step = split == Split::single ? 1 : 3;
  for (int64_t begin = 0; begin < items; begin += step)
    result.insert(result.begin(), {begin, std::min(begin + step, items)});
  return result;
}

}  // namespace

KernelHarness::KernelHarness(const std::string& function, plan::Workers workers) {
  DialectRegistry registry;
  registry.insert<HydraDialect, plan::PlanDialect, func::FuncDialect>();
  rows::registerRowBodyExternalModels(registry);
  registerKernelExternalModels(registry);
#if __has_include("compiler/interpreter/Interpreter.h")
  registerInterpreterExternalModels(registry);
#endif
  context = std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  context->loadDialect<HydraDialect, rows::RowsDialect, plan::PlanDialect, func::FuncDialect>();
  context->getDiagEngine().registerHandler([this](Diagnostic& diagnostic) {
    diagnostics += diagnostic.str() + "\n";
    return success();
  });
  module = parseSourceString<ModuleOp>(function, ParserConfig(context.get()));
  if (!module) {
    ADD_FAILURE() << "does not parse: " << function << "\n" << diagnostics;
    return;
  }
  source = *module->getOps<func::FuncOp>().begin();
  Block& block = source.getBody().front();
  OpBuilder builder(module->getBodyRegion());
  builder.setInsertionPointToEnd(module->getBody());
  // The real items are set below, from the finished body.
  planned = plan::KernelOp::create(builder, source.getLoc(), "k", FusionKind::rows, "test",
                                   ArrayRef<int64_t>{1}, ArrayRef<int64_t>{1}, 0, 0,
                                   plan::RowScheduleAttr(), plan::AttentionTilingAttr());
  planned.getBody().push_back(new Block);
  Block& body = planned.getBody().front();
  IRMapping mapping;
  for (BlockArgument argument : block.getArguments())
    mapping.map(argument, body.addArgument(argument.getType(), argument.getLoc()));
  builder.setInsertionPointToEnd(&body);
  for (Operation& op : block.without_terminator()) builder.clone(op, mapping);
  SmallVector<Value> yielded;
  for (Value value : block.getTerminator()->getOperands()) yielded.push_back(mapping.lookup(value));
  YieldOp::create(builder, source.getLoc(), yielded);
  plan::neutralizeKernelScalars(body);
  FailureOr<plan::RowScheduleAttr> schedule = plan::formRowProgram(body);
  if (failed(schedule)) {
    module = nullptr;
    return;
  }
  if (*schedule) planned.setScheduleAttr(*schedule);
  for (const plan::KernelScalar& scalar : plan::scalarsOfLaunch(block, body))
    scalars.push_back(plan::kernelScalarBits(scalar));
  plan::KernelWork work = plan::getKernelWork(body, *schedule, workers);
  planned.setItems(work.items);
  planned.setGrain(work.grain);
  planned.setPartialBytes(work.partialBytes);
  planned.setScratchBytes(work.scratchBytes);
  if (work.tiling) planned.setTilingAttr(work.tiling);
}

bool KernelHarness::compile(const std::string& isaLevel) {
  if (!module) return false;
  const CpuFacts* level = findCpuFacts(isaLevel);
  EXPECT_NE(level, nullptr) << isaLevel;
  if (!level) return false;
  FailureOr<CodeImage> image = generateCpuCode(*module, *level);
  if (failed(image)) return false;
  code = std::move(*image);
  loaded = std::make_unique<LoadedImage>(code);
  return true;
}

::hydra::hal::KernelFunction KernelHarness::stageFunction(int stage) const {
  std::string name = stage == 0 ? "k" : "k_s" + std::to_string(stage);
  return reinterpret_cast<::hydra::hal::KernelFunction>(loaded->at(code.offsets.lookup(name)));
}

std::vector<Words> KernelHarness::run(const std::vector<Words>& arguments, Split split,
                                      std::vector<int> inPlace) {
  std::vector<GuardedBuffer> buffers;
  buffers.reserve(arguments.size() + source.getNumResults() + 2);
  std::vector<std::vector<unsigned char>> contents;
  for (auto [argument, type] : llvm::zip(arguments, source.getArgumentTypes())) {
    contents.push_back(bytesOf(argument, cast<RankedTensorType>(type).getElementType()));
    buffers.emplace_back(contents.back().size(), 0);
    std::memcpy(buffers.back().data(), contents.back().data(), contents.back().size());
  }
  std::vector<size_t> resultBuffers;
  inPlace.resize(source.getNumResults(), -1);
  for (auto [type, shared] : llvm::zip(source.getResultTypes(), inPlace)) {
    if (shared >= 0) {
      resultBuffers.push_back(static_cast<size_t>(shared));
      continue;
    }
    resultBuffers.push_back(buffers.size());
    buffers.emplace_back(4 * cast<RankedTensorType>(type).getNumElements(), 0xFF);
  }
  size_t partial = buffers.size();
  buffers.emplace_back(planned.getPartialBytes(), 0xFF);
  buffers.emplace_back(planned.getScratchBytes(), 0xFF);

  std::vector<void*> pointers;
  for (size_t i = 0; i < arguments.size(); ++i) pointers.push_back(buffers[i].data());
  for (size_t result : resultBuffers) pointers.push_back(buffers[result].data());
  if (planned.getItems().size() > 1) pointers.push_back(buffers[partial].data());
  for (auto [stage, items] : llvm::enumerate(planned.getItems())) {
    const ::hydra::hal::KernelContext context{scalars.data(), buffers[partial + 1].data(), 0,
                                              nullptr};
    ::hydra::hal::KernelFunction function = stageFunction(static_cast<int>(stage));
    for (auto [begin, end] : ranges(items, split)) function(pointers.data(), &context, begin, end);
  }
  for (auto [number, buffer] : llvm::enumerate(buffers))
    EXPECT_TRUE(buffer.intact()) << "wrote outside buffer " << number;
  // Inputs that no result replaces stay as they were.
  for (size_t i = 0; i < arguments.size(); ++i)
    if (!llvm::is_contained(inPlace, static_cast<int>(i)))
      EXPECT_EQ(std::memcmp(buffers[i].data(), contents[i].data(), buffers[i].bytes()), 0)
          << "argument " << i << " changed";
  std::vector<Words> results;
  for (size_t result : resultBuffers) {
    Words words;
    words.words.resize(buffers[result].bytes() / 4);
    std::memcpy(words.words.data(), buffers[result].data(), buffers[result].bytes());
    results.push_back(std::move(words));
  }
  return results;
}
