#include "compiler/ledger/LedgerJson.h"

#include "dialects/plan/PlanDialect.h"
#include "passes/fusion/FusionLedger.h"
#include "passes/fusion/RegionCost.h"
#include "passes/plan/KernelTraffic.h"
#include "runtime/io/ledger.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace mlir::hydra;

namespace json = llvm::json;

// Dictionaries, arrays, texts, numbers and booleans as they are.
static json::Value toJson(Attribute attribute) {
  if (auto dictionary = dyn_cast<DictionaryAttr>(attribute)) {
    json::Object object;
    for (NamedAttribute entry : dictionary)
      object[entry.getName().getValue()] = toJson(entry.getValue());
    return object;
  }
  if (auto array = dyn_cast<ArrayAttr>(attribute)) {
    json::Array list;
    for (Attribute item : array)
      list.push_back(toJson(item));
    return list;
  }
  if (auto text = dyn_cast<StringAttr>(attribute))
    return json::fixUTF8(text.getValue());
  if (auto boolean = dyn_cast<BoolAttr>(attribute))
    return boolean.getValue();
  return cast<IntegerAttr>(attribute).getInt();
}

static int64_t bytesOf(plan::KernelOp kernel) {
  auto bytes = kernel->getAttrOfType<IntegerAttr>(kKernelBytesAttrName);
  return bytes ? bytes.getInt() : 0;
}

// Kernel commands of every entry, and what is read and written outside of matmuls: by kernels that
// are none, copies and fills.
static json::Array entriesOf(ModuleOp plan) {
  SymbolTable symbols(plan);
  json::Array entries;
  for (auto entry : plan.getOps<plan::EntryOp>()) {
    int64_t kernels = 0, bytes = 0;
    entry.walk([&](Operation *op) {
      if (auto launch = dyn_cast<plan::LaunchOp>(op)) {
        ++kernels;
        // A launch of all stages moves that once.
        auto kernel = symbols.lookup<plan::KernelOp>(launch.getKernel());
        if (launch.getStage() == 0 && kernel.getKind() != FusionKind::matmul)
          bytes += bytesOf(kernel);
      } else if (auto copy = dyn_cast<plan::CopyOp>(op)) {
        bytes += 2 * copy.getTarget().getBytes();
      } else if (auto fill = dyn_cast<plan::FillOp>(op)) {
        bytes += fill.getTarget().getBytes();
      }
    });
    entries.push_back(json::Object{
        {"name", entry.getSymName()}, {"kernels", kernels}, {"bytes_outside_matmuls", bytes}});
  }
  return entries;
}

// What a prediction of the kernel's time needs: of one launch of all stages.
static json::Object workOf(plan::KernelOp kernel, const CpuFacts *facts) {
  Block &body = kernel.getBody().front();
  json::Object work;
  work["items"] = json::Array(kernel.getItems());
  int64_t flops = 0;
  for (Operation &op : body.without_terminator())
    if (auto counted = dyn_cast<CostOpInterface>(op))
      flops += counted.getFlops();
  work["flops"] = flops;
  json::Array traffic;
  for (const rows::TensorTraffic &tensor :
       plan::trafficOf(body, static_cast<int64_t>(kernel.getPartialBytes())))
    if (tensor.bytes > 0)
      traffic.push_back(json::Array{tensor.bytes, tensor.tensorBytes});
  work["traffic"] = std::move(traffic);
  if (auto program = dyn_cast<rows::ProgramOp>(body.front()); program && facts)
    work["tenths_of_cycles"] = costOf(program, *kernel.getSchedule(), *facts).tenthsOfCycles;
  return work;
}

static json::Array kernelsOf(ModuleOp plan, StringRef level) {
  const CpuFacts *facts = findCpuFacts(level);
  llvm::StringMap<int64_t> launches;
  plan.walk([&](plan::LaunchOp launch) { ++launches[launch.getKernel()]; });
  json::Array kernels;
  for (auto kernel : plan.getOps<plan::KernelOp>()) {
    json::Object object;
    object["name"] = kernel.getSymName();
    object["kind"] = stringifyFusionKind(kernel.getKind());
    object["launches"] = launches.lookup(kernel.getSymName());
    object["bytes"] = bytesOf(kernel);
    object["work"] = workOf(kernel, facts);
    auto ops = kernel->getAttrOfType<ArrayAttr>(kKernelOpsAttrName);
    object["ops"] = ops ? toJson(ops) : json::Value(json::Array());
    kernels.push_back(std::move(object));
  }
  return kernels;
}

static json::Object toJson(const CudaCode &code) {
  json::Array levels;
  for (const CudaImage &image : code.images) {
    json::Array kernels;
    for (const AssembledKernel &kernel : image.kernels)
      kernels.push_back(json::Object{{"name", kernel.name},
                                     {"threads", kernel.threads},
                                     {"registers", kernel.resources.registers},
                                     {"stack_bytes", kernel.resources.stackBytes},
                                     {"spill_store_bytes", kernel.resources.spillStores},
                                     {"spill_load_bytes", kernel.resources.spillLoads},
                                     {"shared_bytes", kernel.resources.sharedBytes},
                                     {"resident_blocks", kernel.residentBlocks},
                                     {"occupancy_percent", kernel.occupancyPercent}});
    levels.push_back(json::Object{{"level", image.code.isaLevel}, {"kernels", std::move(kernels)}});
  }
  return json::Object{{"assembler", code.assembler}, {"levels", std::move(levels)}};
}

std::string mlir::hydra::ledgerJson(ModuleOp plan, StringRef target, const CudaCode *code) {
  json::Object root;
  root["target"] = target;
  auto ledger = plan->getAttrOfType<DictionaryAttr>(kLedgerAttrName);
  auto level = ledger ? ledger.getAs<StringAttr>("level") : StringAttr();
  StringRef levelName = level ? level.getValue() : StringRef();
  root["level"] = levelName;
  root["entries"] = entriesOf(plan);
  root["kernels"] = kernelsOf(plan, levelName);
  if (code)
    root["gpu_code"] = toJson(*code);
  auto decisions = ledger ? ledger.getAs<ArrayAttr>("decisions") : ArrayAttr();
  root["decisions"] = decisions ? toJson(decisions) : json::Value(json::Array());
  return llvm::formatv("{0:2}\n", json::Value(std::move(root))).str();
}

llvm::Expected<std::string> mlir::hydra::renderLedger(const std::string &json, StringRef format) {
  if (format == "json")
    return json;
  absl::StatusOr<::hydra::Ledger> ledger = ::hydra::ParseLedger(json, "ledger");
  if (!ledger.ok())
    return llvm::createStringError(std::string(ledger.status().message()));
  return format == "html" ? ::hydra::LedgerHtml(*ledger) : ::hydra::LedgerText(*ledger);
}
