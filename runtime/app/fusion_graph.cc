#include "runtime/app/fusion_graph.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "runtime/app/artifact_facts.h"
#include "runtime/app/svg_chart.h"
#include "runtime/base/buffer_ref.h"
#include "runtime/base/command_walk.h"

namespace hydra::app {
namespace {

using artifact::ArtifactInfo;
using artifact::EntryInfo;

constexpr size_t kMostNodes = 40;

std::string FileName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// Who wrote each piece of the arena last: start -> (end, node).
class Writers {
 public:
  void Write(uint64_t begin, uint64_t end, size_t node) {
    Erase(begin, end);
    if (begin < end) pieces_[begin] = {end, node};
  }
  void Erase(uint64_t begin, uint64_t end) {
    auto piece = pieces_.lower_bound(begin);
    if (piece != pieces_.begin()) --piece;
    while (piece != pieces_.end() && piece->first < end) {
      const auto [from, value] = *piece;
      if (value.first <= begin) {
        ++piece;
        continue;
      }
      piece = pieces_.erase(piece);
      if (from < begin) pieces_[from] = {begin, value.second};
      if (value.first > end) pieces_[end] = {value.first, value.second};
    }
  }
  std::set<size_t> Of(uint64_t begin, uint64_t end) const {
    std::set<size_t> nodes;
    auto piece = pieces_.lower_bound(begin);
    if (piece != pieces_.begin()) --piece;
    for (; piece != pieces_.end() && piece->first < end; ++piece) {
      if (piece->second.first > begin) nodes.insert(piece->second.second);
    }
    return nodes;
  }

 private:
  std::map<uint64_t, std::pair<uint64_t, size_t>> pieces_;
};

bool InScope(absl::string_view scope, const std::string& prefix) {
  return prefix.empty() || scope == prefix || absl::StartsWith(scope, prefix + ".");
}

// The block to show: the second has neighbours on both sides.
std::string ScopeToShow(const ArtifactInfo& info) {
  for (const char* prefix : {"layers.1", "layers.0"}) {
    for (const std::string& scope : info.scopes) {
      if (InScope(scope, prefix)) return prefix;
    }
  }
  return "";
}

FusionGraph::Node NodeOf(const ArtifactInfo& info, const hal::Command& command,
                         const std::optional<Ledger>& ledger) {
  FusionGraph::Node node{.title = "copy", .scope = info.scopes[command.scope], .ops = {}};
  if (const auto* product = std::get_if<hal::MatmulCommand>(&command.body)) {
    node.title = absl::StrCat("matmul ", product->m, " x ", product->n, " x ", product->k);
    for (const artifact::ParameterInfo& parameter : info.parameters) {
      if (hal::Overlap(parameter.buffer.ref, product->b)) node.ops.push_back(parameter.name);
    }
  } else if (const auto* launch = std::get_if<hal::KernelCommand>(&command.body)) {
    node.kernel = true;
    node.title = info.kernels[launch->kernel].name;
    for (const LedgerKernel& kernel : ledger ? ledger->kernels : std::vector<LedgerKernel>()) {
      if (kernel.name != node.title) continue;
      for (const LedgerOp& op : kernel.ops) {
        node.ops.push_back(absl::StrCat(op.op, "  ", FileName(op.location)));
      }
    }
  } else if (std::holds_alternative<hal::FillCommand>(command.body)) {
    node.title = "fill";
  }
  return node;
}

// Reads of the arena, and what the command makes: of a kernel, its last argument at least.
void Flow(const hal::Command& command, bool stages, std::vector<hal::BufferRef>& reads,
          std::vector<hal::BufferRef>& writes) {
  if (const auto* product = std::get_if<hal::MatmulCommand>(&command.body)) {
    reads = {product->a, product->b};
    if (product->accumulate) reads.push_back(product->c);
    writes = {product->c};
    return;
  }
  hal::ForEachRef(command, [&](const hal::BufferRef& ref) { reads.push_back(ref); });
  if (stages && !reads.empty()) reads.pop_back();  // partial results between them
  if (!reads.empty()) writes = {reads.back()};
}

bool Mentions(const FusionGraph::Node& node, absl::Span<const LedgerOp> ops) {
  return std::any_of(ops.begin(), ops.end(), [&](const LedgerOp& op) {
    return std::find(node.ops.begin(), node.ops.end(),
                     absl::StrCat(op.op, "  ", FileName(op.location))) != node.ops.end();
  });
}

std::string RefusedBetween(const Ledger& ledger, const FusionGraph::Node& a,
                           const FusionGraph::Node& b) {
  for (const LedgerDecision& decision : ledger.decisions) {
    if (decision.accepted || decision.kind != "edge" || decision.first >= decision.ops.size()) {
      continue;
    }
    const absl::Span<const LedgerOp> ops(decision.ops);
    if (Mentions(a, ops.first(decision.first)) && Mentions(b, ops.subspan(decision.first))) {
      return decision.code;
    }
  }
  return "";
}

}  // namespace

FusionGraph GraphOf(const ArtifactInfo& info, const EntryInfo& entry,
                    const std::optional<Ledger>& ledger, const std::string& scope) {
  FusionGraph graph{.entry = entry.Label(),
                    .scope = scope.empty() ? ScopeToShow(info) : scope,
                    .nodes = {},
                    .edges = {}};
  Writers writers;
  size_t death = 0;
  constexpr size_t kOutside = static_cast<size_t>(-1);
  std::map<std::pair<size_t, size_t>, uint64_t> flows;
  for (size_t i = 0; i < entry.body.size(); ++i) {
    for (; death < entry.dead.size() && entry.dead[death].before_command <= i; ++death) {
      const hal::BufferRef& range = entry.dead[death].range;
      if (range.region == hal::Region::kArena) {
        writers.Erase(range.offset, range.offset + range.bytes);
      }
    }
    const hal::Command& command = entry.body[i];
    const bool wanted =
        InScope(info.scopes[command.scope], graph.scope) && graph.nodes.size() < kMostNodes;
    size_t node = kOutside;
    bool stages = false;
    if (const auto* launch = std::get_if<hal::KernelCommand>(&command.body)) {
      const auto* next = i + 1 < entry.body.size()
                             ? std::get_if<hal::KernelCommand>(&entry.body[i + 1].body)
                             : nullptr;
      stages =
          next != nullptr && next->args == launch->args &&
          info.kernels[next->kernel].name == absl::StrCat(info.kernels[launch->kernel].name, "_s1");
    }
    if (wanted) {
      node = graph.nodes.size();
      graph.nodes.push_back(NodeOf(info, command, ledger));
    }
    std::vector<hal::BufferRef> reads, writes;
    Flow(command, stages, reads, writes);
    for (const hal::BufferRef& ref : reads) {
      if (ref.region != hal::Region::kArena) continue;
      const std::set<size_t> from = writers.Of(ref.offset, ref.offset + ref.bytes);
      // What nobody has written is written here.
      if (from.empty()) writes.push_back(ref);
      for (const size_t writer : from) {
        if (writer == kOutside || node == kOutside || writer == node) continue;
        uint64_t& bytes = flows[{writer, node}];
        bytes = std::max(bytes, hal::PayloadBytes(ref));
      }
    }
    for (const hal::BufferRef& ref : writes) {
      if (ref.region != hal::Region::kArena) continue;
      writers.Write(ref.offset, ref.offset + ref.bytes, node);
    }
    if (stages) ++i;
  }
  for (const auto& [ends, bytes] : flows) {
    const auto& [from, to] = ends;
    graph.edges.push_back(
        {from, to, bytes,
         ledger ? RefusedBetween(*ledger, graph.nodes[from], graph.nodes[to]) : ""});
  }
  return graph;
}

const EntryInfo* LargestEntry(const ArtifactInfo& info, absl::string_view name) {
  const EntryInfo* largest = nullptr;
  for (const EntryInfo& entry : info.entries) {
    if (entry.name != name) continue;
    if (largest == nullptr || entry.body.size() > largest->body.size()) largest = &entry;
  }
  return largest;
}

absl::StatusOr<FusionGraph> GraphOfArtifact(const artifact::Artifact& artifact) {
  HYDRA_ASSIGN_OR_RETURN(const std::optional<Ledger> ledger, LedgerOf(artifact));
  for (const char* name : {"eval", "accumulate", "extend"}) {
    const EntryInfo* entry = LargestEntry(artifact.info(), name);
    if (entry != nullptr) return GraphOf(artifact.info(), *entry, ledger);
  }
  return InputError(
      absl::StrCat(artifact.path(),
                   ": expected a model with entries (train, eval, extend), found none of them"));
}

std::string GraphDot(const FusionGraph& graph) {
  const auto quoted = [](const std::string& text) {
    return absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}});
  };
  std::string dot =
      absl::StrCat("digraph fusion {\n  label=\"", quoted(graph.entry), " ", quoted(graph.scope),
                   "\";\n  node [shape=box, fontname=monospace];\n");
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const FusionGraph::Node& node = graph.nodes[i];
    std::string label = quoted(node.title);
    for (const std::string& op : node.ops) absl::StrAppend(&label, "\\n", quoted(op));
    absl::StrAppend(&dot, "  n", i, " [label=\"", label, "\"",
                    node.kernel ? ", style=filled, fillcolor=\"#e8f1f8\"" : "", "];\n");
  }
  for (const FusionGraph::Edge& edge : graph.edges) {
    absl::StrAppend(&dot, "  n", edge.from, " -> n", edge.to, " [label=\"", edge.bytes / 1024,
                    " KiB", edge.refused.empty() ? "" : "\\n", edge.refused, "\"",
                    edge.refused.empty() ? "" : ", color=\"#d55e00\"", "];\n");
  }
  return dot + "}\n";
}

std::string GraphSvg(const FusionGraph& graph) {
  if (graph.nodes.empty()) return "";
  constexpr double kBox = 420, kLine = 15, kGap = 20, kMargin = 12, kLane = 13;
  std::vector<double> tops, heights;
  double y = kMargin;
  for (const FusionGraph::Node& node : graph.nodes) {
    tops.push_back(y);
    heights.push_back(kLine * static_cast<double>(node.ops.size() + 1) + 9);
    y += heights.back() + kGap;
  }
  // Arrows between boxes that are no neighbours run in lanes right of them; one that ends before
  // another begins shares its lane.
  std::vector<size_t> lane_ends;
  std::string arrows;
  double right = kMargin + kBox;
  for (const FusionGraph::Edge& edge : graph.edges) {
    const char* kind = edge.refused.empty() ? "flow" : "flow refused";
    const double from = tops[edge.from] + heights[edge.from], to = tops[edge.to];
    if (edge.to == edge.from + 1) {
      absl::StrAppend(&arrows, absl::StrFormat("<path class=\"%s\" d=\"M%g %gV%g\"/>", kind,
                                               kMargin + 40, from, to - 1));
      if (!edge.refused.empty()) {
        absl::StrAppend(&arrows, absl::StrFormat("<text class=\"why\" x=\"%g\" y=\"%g\">%s</text>",
                                                 kMargin + 50, to - 6, EscapeHtml(edge.refused)));
      }
      continue;
    }
    size_t lane = 0;
    while (lane < lane_ends.size() && lane_ends[lane] > edge.from) ++lane;
    if (lane == lane_ends.size()) lane_ends.push_back(0);
    lane_ends[lane] = edge.to;
    const double x = kMargin + kBox + kLane * static_cast<double>(lane + 1);
    right = std::max(right, x + 10);
    const double leave = tops[edge.from] + heights[edge.from] - 7, enter = tops[edge.to] + 7;
    absl::StrAppend(&arrows,
                    absl::StrFormat("<path class=\"%s\" d=\"M%g %gH%gV%gH%g\"><title>%s</title>"
                                    "</path>",
                                    kind, kMargin + kBox, leave, x, enter, kMargin + kBox + 1,
                                    edge.refused.empty() ? absl::StrCat(edge.bytes / 1024, " KiB")
                                                         : EscapeHtml(edge.refused)));
  }
  std::string svg = absl::StrFormat(
      "<svg class=\"graph\" viewBox=\"0 0 %g %g\" style=\"max-width:%gpx\" role=\"img\">"
      "<title>%s</title><defs><marker id=\"head\" viewBox=\"0 0 6 6\" refX=\"6\" refY=\"3\" "
      "markerWidth=\"6\" markerHeight=\"6\" orient=\"auto\"><path d=\"M0 0L6 3L0 6Z\"/></marker>"
      "</defs>",
      right + kMargin, y, right + kMargin, EscapeHtml(absl::StrCat("fusion of ", graph.scope)));
  svg += arrows;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const FusionGraph::Node& node = graph.nodes[i];
    absl::StrAppend(
        &svg,
        absl::StrFormat("<rect class=\"%s\" x=\"%g\" y=\"%g\" width=\"%g\" height=\"%g\" rx=\"4\"/>"
                        "<text class=\"name\" x=\"%g\" y=\"%g\">%s</text>"
                        "<text class=\"end dim\" x=\"%g\" y=\"%g\">%s</text>",
                        node.kernel ? "kernel" : "other", kMargin, tops[i], kBox, heights[i],
                        kMargin + 8, tops[i] + 16, EscapeHtml(node.title), kMargin + kBox - 8,
                        tops[i] + 16, EscapeHtml(node.scope)));
    for (size_t op = 0; op < node.ops.size(); ++op) {
      absl::StrAppend(
          &svg, absl::StrFormat("<text class=\"op\" x=\"%g\" y=\"%g\">%s</text>", kMargin + 20,
                                tops[i] + 16 + kLine * static_cast<double>(op + 1),
                                EscapeHtml(node.ops[op])));
    }
  }
  return svg + "</svg>\n";
}

}  // namespace hydra::app
