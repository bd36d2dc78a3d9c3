// Generated attention against the reference kernels, in turn in the same run, on one thread:
//   attention [--rounds N] [--json]
// Times are processor seconds of the thread, medians over the rounds; the ratio is the median of
// the rounds' own ratios, so that other work on the machine reaches both sides alike. Exit 1 if
// results differ, 77 where the processor has no AVX-512.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "bench/attention/reference.h"
#include "dialects/target/CpuFacts.h"
#include "runtime/base/cpu_detection.h"
#include "tests/codegen/KernelHarness.h"

namespace {

using hydra::bench::AttentionSizes;
using hydra::bench::ThreadSeconds;
using mlir::hydra::testing::KernelHarness;

constexpr int64_t kHeads = 4, kKvHeads = 1;  // a group of hydra-100m

struct Options {
  int rounds = 0;  // 0: as many as take about a second
  bool json = false;
};

// 64-byte aligned, as buffers of a plan are.
class Floats {
 public:
  explicit Floats(int64_t size) : storage(size + 16), count(size) {}
  float* data() {
    auto address = reinterpret_cast<uintptr_t>(storage.data());
    return reinterpret_cast<float*>((address + 63) / 64 * 64);
  }
  int64_t size() const { return count; }
  void randomize(std::mt19937& engine) {
    std::uniform_real_distribution<float> draw(-1, 1);
    // Values that bfloat16 holds.
    std::generate_n(data(), count, [&] {
      return llvm::bit_cast<float>(llvm::bit_cast<uint32_t>(draw(engine)) & 0xffff0000u);
    });
  }

 private:
  std::vector<float> storage;
  int64_t count;
};

// The same values as bfloat16, which they are.
std::vector<uint16_t> halves(Floats& values) {
  std::vector<uint16_t> result(values.size());
  for (int64_t i = 0; i < values.size(); ++i)
    result[i] = static_cast<uint16_t>(llvm::bit_cast<uint32_t>(values.data()[i]) >> 16);
  return result;
}

// One op, compiled for this machine.
class GeneratedKernel {
 public:
  GeneratedKernel(const std::string& function, const std::string& level)
      : harness(function), ready(harness.compile(level)) {
    if (!ready) return;
    mlir::plan::KernelOp kernel = harness.kernel();
    scratch.assign(kernel.getScratchBytes() / 4 + 64, 0);
    partial.assign(kernel.getPartialBytes() / 4 + 64, 0);
  }
  bool ok() const { return ready; }
  const std::string& messages() const { return harness.messages(); }
  void run(std::vector<void*> buffers) {
    if (harness.kernel().getItems().size() > 1) buffers.push_back(aligned(partial));
    hydra::hal::KernelContext context{harness.launchScalars(), aligned(scratch), 0, nullptr};
    for (auto [stage, items] : llvm::enumerate(harness.kernel().getItems()))
      harness.stageFunction(static_cast<int>(stage))(buffers.data(), &context, 0, items);
  }

 private:
  static void* aligned(std::vector<float>& words) {
    return reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(words.data()) + 63) / 64 * 64);
  }
  KernelHarness harness;
  bool ready;
  std::vector<float> scratch, partial;
};

std::string tensor(int64_t length, int64_t width, const char* element = "f32") {
  return "tensor<1x" + std::to_string(length) + "x" + std::to_string(width) + "x" + element + ">";
}

// A function of one op with `operands`.
std::string functionOf(const std::string& op, const std::vector<std::string>& operands,
                       const std::vector<std::string>& results, float scale) {
  std::string arguments, names, types, outs, values;
  for (size_t i = 0; i < operands.size(); ++i) {
    const std::string comma = i ? ", " : "", name = "%a" + std::to_string(i);
    arguments += comma + name + ": " + operands[i];
    names += comma + name;
    types += comma + operands[i];
  }
  for (size_t i = 0; i < results.size(); ++i) {
    outs += (i ? ", " : "") + results[i];
    values += (i ? ", %r#" : "%r#") + std::to_string(i);
  }
  return "func.func @f(" + arguments + ") -> (" + outs +
         ") {\n  %r:" + std::to_string(results.size()) + " = hydra." + op + " " + names +
         " {heads = " + std::to_string(kHeads) + ", kv_heads = " + std::to_string(kKvHeads) +
         ", scale = " + std::to_string(scale) + " : f64} : (" + types + ") -> (" + outs +
         ")\n  return " + values + " : " + outs + "\n}\n";
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Row {
  std::string direction, precision;
  int64_t length;
  double flops;  // of the visible pairs
  double reference, generated, ratio, difference, peak;
};

// The largest difference between two buffers over the largest value.
double differenceOf(Floats& a, Floats& b) {
  double worst = 0, largest = 0;
  for (int64_t i = 0; i < a.size(); ++i) {
    worst = std::max<double>(worst, std::fabs(a.data()[i] - b.data()[i]));
    largest = std::max<double>(largest, std::fabs(a.data()[i]));
  }
  return worst / largest;
}

Row measure(const std::string& direction, bool half, int64_t length, double flops,
            const Options& options, const std::function<void()>& reference,
            const std::function<void()>& generated) {
  std::vector<double> referenceTimes, generatedTimes, ratios, peaks;
  int rounds = options.rounds;
  for (int round = 0; round == 0 || round < rounds; ++round) {
    const double start = ThreadSeconds();
    reference();
    const double middle = ThreadSeconds();
    generated();
    const double end = ThreadSeconds();
    if (rounds == 0) rounds = static_cast<int>(std::clamp(1.0 / (end - start), 9.0, 101.0));
    referenceTimes.push_back(middle - start);
    generatedTimes.push_back(end - middle);
    ratios.push_back((end - middle) / (middle - start));
    peaks.push_back(hydra::bench::FmaPeak());
  }
  return {direction,
          half ? "bf16" : "f32",
          length,
          flops,
          median(referenceTimes),
          median(generatedTimes),
          median(ratios),
          0,
          *std::max_element(peaks.begin(), peaks.end())};
}

// The rows of one length; empty, after a message, if a kernel is not made.
std::vector<Row> measureLength(int64_t length, bool half, const std::string& level,
                               const Options& options) {
  const AttentionSizes sizes{1, length, kHeads, kKvHeads, 0.25f};
  const int64_t wideColumns = kHeads * hydra::bench::kHeadWidth,
                narrowColumns = kKvHeads * hydra::bench::kHeadWidth;
  const char* element = half ? "bf16" : "f32";
  const std::string q_type = tensor(length, wideColumns, element),
                    k_type = tensor(length, narrowColumns, element),
                    wide = tensor(length, wideColumns), narrow = tensor(length, narrowColumns),
                    rows = tensor(length, kHeads);
  GeneratedKernel forward(functionOf("attention", {q_type, k_type, k_type}, {wide, rows}, 0.25f),
                          level),
      backward(functionOf("attention_grad", {q_type, q_type, k_type, k_type, wide, rows},
                          {wide, narrow, narrow}, 0.25f),
               level);
  for (GeneratedKernel* kernel : {&forward, &backward})
    if (!kernel->ok()) {
      std::fprintf(stderr, "attention: no kernel for this machine: %s\n",
                   kernel->messages().c_str());
      return {};
    }
  const int64_t queries = length * wideColumns, keys = length * narrowColumns;
  Floats q(queries), dy(queries), y(queries), y2(queries), dq(queries), dq2(queries), k(keys),
      v(keys), dk(keys), dk2(keys), dv(keys), dv2(keys), lse(length * kHeads), lse2(lse.size());
  std::mt19937 engine(1);
  for (Floats* input : {&q, &k, &v, &dy}) input->randomize(engine);
  std::vector<uint16_t> q16 = halves(q), k16 = halves(k), v16 = halves(v), dy16 = halves(dy);
  auto operand = [&](Floats& floats, std::vector<uint16_t>& values) -> void* {
    return half ? static_cast<void*>(values.data()) : floats.data();
  };
  void *q_in = operand(q, q16), *k_in = operand(k, k16), *v_in = operand(v, v16),
       *dy_in = operand(dy, dy16);
  const double pairs = 0.5 * static_cast<double>(length) * static_cast<double>(length + 1) *
                       static_cast<double>(wideColumns);
  std::vector<Row> table;
  table.push_back(measure(
      "forward", half, length, 4 * pairs, options,
      [&] {
        if (half)
          hydra::bench::ForwardBf16(sizes, q16.data(), k16.data(), v16.data(), y.data(),
                                    lse.data());
        else
          hydra::bench::ForwardF32(sizes, q.data(), k.data(), v.data(), y.data(), lse.data());
      },
      [&] { forward.run({q_in, k_in, v_in, y2.data(), lse2.data()}); }));
  table.back().difference = std::max(differenceOf(y, y2), differenceOf(lse, lse2));
  const hydra::bench::Gradients gradients{dq.data(), dk.data(), dv.data()};
  table.push_back(measure(
      "backward", half, length, 10 * pairs, options,
      [&] {
        if (half)
          hydra::bench::BackwardBf16(sizes, dy16.data(), q16.data(), k16.data(), v16.data(),
                                     y.data(), lse.data(), gradients);
        else
          hydra::bench::BackwardF32(sizes, dy.data(), q.data(), k.data(), v.data(), y.data(),
                                    lse.data(), gradients);
      },
      [&] {
        backward.run(
            {dy_in, q_in, k_in, v_in, y.data(), lse.data(), dq2.data(), dk2.data(), dv2.data()});
      }));
  table.back().difference =
      std::max({differenceOf(dq, dq2), differenceOf(dk, dk2), differenceOf(dv, dv2)});
  return table;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--json") == 0) {
      options.json = true;
    } else if (std::strcmp(argv[i], "--rounds") == 0 && i + 1 < argc &&
               std::atoi(argv[i + 1]) > 0) {
      options.rounds = std::atoi(argv[++i]);
    } else {
      std::fprintf(stderr, "attention: expected [--rounds N] [--json], found '%s'\n", argv[i]);
      return 2;
    }
  }
  const std::vector<std::string> levels = hydra::RunnableLevels(hydra::HostCpu());
  const mlir::hydra::CpuFacts* facts =
      levels.empty() ? nullptr : mlir::hydra::findCpuFacts(levels.front());
  if (!facts || facts->registerLanes < mlir::hydra::kLanes) {
    std::fprintf(stderr, "attention: skipped, the reference kernels need AVX-512\n");
    return 77;
  }
  const std::string processor = hydra::ProcessorName(hydra::HostCpu());
  nlohmann::json report = {{"processor", processor}, {"level", levels.front()}};
  if (!options.json)
    std::printf("%s, %s, %ld heads of 16 columns on %ld\n", processor.c_str(),
                levels.front().c_str(), static_cast<long>(kHeads), static_cast<long>(kKvHeads));
  bool equal = true;
  // The bf16 reference is written for tiles.
  const bool tiles = llvm::StringRef(facts->llvmFeatures()).contains("+amx-bf16");
  if (!tiles) std::fprintf(stderr, "attention: bf16 skipped, its reference kernels need AMX\n");
  std::vector<std::pair<int64_t, bool>> runs = {{1024, false}, {8192, false}};
  if (tiles) runs.insert(runs.end(), {{1024, true}, {8192, true}});
  for (auto [length, half] : runs) {
    const std::vector<Row> rows = measureLength(length, half, levels.front(), options);
    if (rows.empty()) return 1;
    for (const Row& row : rows) {
      equal &= row.difference < (half ? 1e-2 : 1e-4);
      if (options.json) {
        report["rows"].push_back({{"direction", row.direction},
                                  {"precision", row.precision},
                                  {"length", row.length},
                                  {"reference_seconds", row.reference},
                                  {"generated_seconds", row.generated},
                                  {"ratio", row.ratio},
                                  {"reference_gflops", row.flops / row.reference * 1e-9},
                                  {"generated_gflops", row.flops / row.generated * 1e-9},
                                  {"fma_peak_gflops", row.peak},
                                  {"difference", row.difference}});
        continue;
      }
      std::printf(
          "%-8s %-4s S %5ld: reference %8.0f us, %6.1f GFLOP/s, %.2f of the FMA peak; generated "
          "%8.0f "
          "us, %6.1f GFLOP/s; ratio %.2f; differ by %.1e\n",
          row.direction.c_str(), row.precision.c_str(), static_cast<long>(row.length),
          row.reference * 1e6, row.flops / row.reference * 1e-9,
          row.flops / row.reference * 1e-9 / row.peak, row.generated * 1e6,
          row.flops / row.generated * 1e-9, row.ratio, row.difference);
    }
  }
  if (options.json) std::printf("%s\n", report.dump(2).c_str());
  if (!equal)
    std::fprintf(stderr, "attention: expected results within 1e-4 (bf16: 1e-2) of the reference\n");
  return equal ? 0 : 1;
}
