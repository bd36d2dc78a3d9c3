// What runs together and what passes between: the commands of a part of an entry as a graph, with
// the ops that fusion put into each, and the reasons of those it kept apart.
#ifndef HYDRA_RUNTIME_APP_FUSION_GRAPH_H_
#define HYDRA_RUNTIME_APP_FUSION_GRAPH_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/artifact/artifact.h"
#include "runtime/base/status.h"
#include "runtime/io/ledger.h"

namespace hydra::app {

struct FusionGraph {
  struct Node {
    std::string title;             // kernel's name, or "matmul 2048 x 192 x 96"
    std::string scope;             // "layers.1.attention"
    std::vector<std::string> ops;  // "rms_norm  nano.mlir:14"; of a matmul, its weight
    bool kernel = false;
  };
  struct Edge {
    size_t from = 0, to = 0;  // nodes, in the order they run
    uint64_t bytes = 0;
    std::string refused;  // code of the verdict that kept the two apart; "" if nobody asked
  };
  std::string entry, scope;
  std::vector<Node> nodes;
  std::vector<Edge> edges;
};

// The commands of one block: of `scope` ("layers.1") or, if that is empty, of the second block,
// else the first, else all commands. The first 40. Stages of one launch are one node. An edge leads
// from the command that made a value in the arena to one that uses it.
FusionGraph GraphOf(const artifact::ArtifactInfo& info, const artifact::EntryInfo& entry,
                    const std::optional<Ledger>& ledger, const std::string& scope = "");

// Of the largest evaluation entry, which has the forward pass alone, else training, else decoding.
// An input error if the artifact has none of them.
absl::StatusOr<FusionGraph> GraphOfArtifact(const artifact::Artifact& artifact);
// The entry that it takes; nullptr if there is none.
const artifact::EntryInfo* LargestEntry(const artifact::ArtifactInfo& info, absl::string_view name);

// For graphviz.
std::string GraphDot(const FusionGraph& graph);
// One <svg>: boxes in the order they run, values as arrows; "" without nodes.
std::string GraphSvg(const FusionGraph& graph);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_FUSION_GRAPH_H_
