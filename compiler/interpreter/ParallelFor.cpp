#include "compiler/interpreter/ParallelFor.h"

#include <algorithm>
#include <thread>
#include <vector>

void mlir::hydra::parallelFor(int64_t count, int64_t grain,
                              llvm::function_ref<void(int64_t, int64_t)> body) {
  int64_t processors = std::max<int64_t>(1, std::thread::hardware_concurrency());
  int64_t ranges = std::min(processors, count / std::max<int64_t>(1, grain));
  if (ranges <= 1) {
    if (count > 0)
      body(0, count);
    return;
  }
  std::vector<std::thread> threads;
  threads.reserve(ranges - 1);
  for (int64_t i = 1; i < ranges; ++i)
    threads.emplace_back([=] { body(count * i / ranges, count * (i + 1) / ranges); });
  body(0, count / ranges);
  for (std::thread &thread : threads)
    thread.join();
}
