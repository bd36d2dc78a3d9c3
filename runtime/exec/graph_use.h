// What of a recorded list runs from graphs of the device, and what the host launches instead.
#ifndef HYDRA_RUNTIME_EXEC_GRAPH_USE_H_
#define HYDRA_RUNTIME_EXEC_GRAPH_USE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "runtime/hal/device.h"

namespace hydra {

struct GraphUse {
  struct Part {
    uint64_t first_command = 0, commands = 0;
    uint64_t nodes = 0;  // of its graph; 0 without one
    bool captured = false;
    bool forced = false;  // by --graph or --profile: somebody asked for it
    std::string reason;   // why it is not one graph with the rest; empty if it is
  };
  std::vector<Part> parts;  // empty on devices without graphs

  uint64_t launches() const;   // graphs of one submission
  uint64_t nodes() const;      // of all of them
  uint64_t fallbacks() const;  // parts that nobody asked to be no graph
  // "1 graph of 532 nodes", "2 graphs of 530 nodes, 1 fallback: ..."; empty without graphs.
  std::string Describe() const;
  // The reasons of the fallbacks, each with its count, for people; empty if there are none.
  std::string Fallbacks() const;
};

// Of a list that `device` recorded with these options.
GraphUse UseOfGraphs(const hal::Device& device, absl::Span<const hal::Segment> segments,
                     const hal::RecordOptions& options);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_EXEC_GRAPH_USE_H_
