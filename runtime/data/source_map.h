// Which text every id of a token sequence comes from.
#ifndef HYDRA_RUNTIME_DATA_SOURCE_MAP_H_
#define HYDRA_RUNTIME_DATA_SOURCE_MAP_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hydra::data {

// Runs of ids of one source each, in the order of the ids. Thread-safe to read.
class SourceMap {
 public:
  struct Run {
    uint64_t end = 0;  // one past its last id
    size_t source = 0;
  };

  // The next `tokens` ids are of source number `source`.
  void Append(size_t source, uint64_t tokens);

  // Ids that have a source; 0 for data that do not say where they come from.
  uint64_t size() const { return runs_.empty() ? 0 : runs_.back().end; }
  // The source of id number `token`, which is below size().
  size_t At(uint64_t token) const;
  // In order; neighbours have different sources.
  const std::vector<Run>& runs() const { return runs_; }

 private:
  std::vector<Run> runs_;
};

}  // namespace hydra::data

#endif  // HYDRA_RUNTIME_DATA_SOURCE_MAP_H_
