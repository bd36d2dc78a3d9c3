// A set of steps as ranges: what a metrics file holds, or lacks.
#ifndef HYDRA_RUNTIME_METRICS_STEP_RANGES_H_
#define HYDRA_RUNTIME_METRICS_STEP_RANGES_H_

#include <cstdint>
#include <map>
#include <string>

namespace hydra::metrics {

class StepRanges {
 public:
  void Add(int64_t step) { Add(step, step); }
  // Steps first to last, both included; nothing if first > last.
  void Add(int64_t first, int64_t last);
  void Add(const StepRanges& other);

  bool empty() const { return ranges_.empty(); }
  int64_t count() const;
  // "3", "1-4, 9" or, where there are many ranges, "1-4, 9, ... 700-712 (12 ranges)".
  std::string Text() const;

 private:
  std::map<int64_t, int64_t> ranges_;  // first to last; neither overlapping nor adjacent
};

}  // namespace hydra::metrics

#endif  // HYDRA_RUNTIME_METRICS_STEP_RANGES_H_
