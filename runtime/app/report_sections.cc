#include "runtime/app/report_sections.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "runtime/app/artifact_facts.h"
#include "runtime/app/fusion_graph.h"
#include "runtime/app/memory_timeline.h"
#include "runtime/base/buffer_ref.h"
#include "runtime/train/settings.h"

namespace hydra::app {
namespace {

constexpr char kStyle[] = R"css(
:root { --ink: #1c2126; --dim: #68727c; --paper: #ffffff; --line: #d8dde2; --soft: #f3f5f7;
        --kernel: #e3eef7; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ec; --dim: #98a2ac; --paper: #15181b; --line: #353b41; --soft: #1e2327;
          --kernel: #1d3346; } }
body { font: 14px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper);
       max-width: 1360px; margin: 0 auto; padding: 20px; }
h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 17px; margin: 34px 0 10px; }
p.sub { color: var(--dim); margin: 0 0 18px; }
.grid2 { display: grid; grid-template-columns: repeat(auto-fit, minmax(460px, 1fr)); gap: 18px; }
svg { width: 100%; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
svg .end { text-anchor: end; } svg .mid { text-anchor: middle; }
svg .dim, svg .label { fill: var(--dim); } svg .title { font-weight: 600; }
svg .grid { stroke: var(--line); stroke-width: 0.7; } svg .axis, svg .tick { stroke: var(--dim); }
svg .faint { stroke-opacity: 0.45; fill-opacity: 0.45; }
@media (prefers-color-scheme: dark) {
  svg .faint { stroke-opacity: 0.85; fill-opacity: 0.85; }
  svg [stroke="#0072b2"] { stroke: #3d9be0; } svg [fill="#0072b2"] { fill: #3d9be0; } }
svg .kernel { fill: var(--kernel); stroke: #0072b2; } svg .other { fill: var(--soft); stroke: var(--dim); }
svg .flow { fill: none; stroke: var(--dim); marker-end: url(#head); }
svg .refused { stroke: #d55e00; } svg .why { fill: #d55e00; } svg marker path { fill: var(--dim); }
svg .op, svg .name { font-family: ui-monospace, monospace; font-size: 11.5px; }
table { border-collapse: collapse; margin: 6px 0 14px; }
th, td { text-align: left; padding: 3px 14px 3px 0; border-bottom: 1px solid var(--line);
         vertical-align: top; }
th { color: var(--dim); font-weight: 500; }
td { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
tr.given td { font-weight: 600; }
code { font-family: ui-monospace, monospace; font-size: 12.5px; }
details { margin: 6px 0; } summary { cursor: pointer; }
)css";

Chart StepChart(const std::string& title, const std::string& y_label,
                std::vector<ChartSeries> series) {
  return {.title = title, .x_label = "step", .y_label = y_label, .series = std::move(series)};
}

// "mor.1" as "recursion, layer 1".
std::string RouterTitle(absl::string_view router) {
  const std::pair<absl::string_view, absl::string_view> names[] = {
      {"mod.", "depth routing"}, {"mor.", "recursion"}, {"moe.", "experts"}};
  for (const auto& [prefix, name] : names) {
    if (absl::ConsumePrefix(&router, prefix)) return absl::StrCat(name, ", layer ", router);
  }
  return std::string(router);
}

std::string SizeText(uint64_t bytes) {
  if (bytes < 100000) return absl::StrFormat("%.1f kB", static_cast<double>(bytes) / 1e3);
  return absl::StrFormat("%.2f MB", static_cast<double>(bytes) / 1e6);
}

// "run" of "out/run".
std::string NameOf(const RunHistory& run) {
  std::filesystem::path path(run.directory);
  if (path.filename().empty()) path = path.parent_path();
  return path.filename().string();
}

// Names of entries that differ by variant and shape alone show once: training, then evaluation.
std::vector<const artifact::EntryInfo*> EntriesToShow(const artifact::ArtifactInfo& info) {
  std::vector<const artifact::EntryInfo*> shown;
  for (const char* name : {"accumulate", "eval", "extend"}) {
    const artifact::EntryInfo* largest = LargestEntry(info, name);
    if (largest != nullptr) shown.push_back(largest);
  }
  return shown;
}

std::string RefusedTable(const Ledger& ledger) {
  std::map<std::string, std::pair<int64_t, int64_t>> codes;  // instances, picoseconds not saved
  int64_t accepted = 0;
  for (const LedgerDecision& decision : ledger.decisions) {
    if (decision.accepted) {
      accepted += decision.instances;
      continue;
    }
    auto& [instances, lost] = codes[decision.code];
    instances += decision.instances;
    if (decision.before && decision.after) {
      lost += decision.instances * (decision.before->picoseconds - decision.after->picoseconds);
    }
  }
  std::string text =
      absl::StrCat("<p>", accepted,
                   " candidates of fusion were taken. Refused, by reason "
                   "(<code>hydra-run explain</code> has each):</p><table><tr><th>"
                   "code</th><th>candidates</th><th>predicted gain in all</th></tr>");
  for (const auto& [code, numbers] : codes) {
    absl::StrAppend(
        &text, "<tr><td><code>", EscapeHtml(code), "</code></td><td>", numbers.first, "</td><td>",
        numbers.second == 0 ? std::string("not estimated")
                            : absl::StrFormat("%.1f µs", static_cast<double>(numbers.second) / 1e6),
        "</td></tr>");
  }
  return text + "</table>";
}

}  // namespace

absl::string_view ReportStyle() { return kStyle; }

std::string FactTable(const std::vector<std::pair<std::string, std::string>>& rows) {
  std::string text = "<table>";
  for (const auto& [name, value] : rows) {
    absl::StrAppend(&text, "<tr><th>", EscapeHtml(name), "</th><td>", EscapeHtml(value),
                    "</td></tr>");
  }
  return text + "</table>\n";
}

std::vector<Chart> ChartsOf(const RunHistory& run) {
  std::vector<Chart> charts;
  Chart loss = StepChart("loss", "nats per token", {});
  loss.logarithmic = true;
  loss.series.push_back({.name = "training", .points = run.loss, .color = 0, .faint = true});
  loss.series.push_back({.name = "its average", .points = run.loss_average, .color = 0});
  int color = 1;
  for (const auto& [data, points] : run.evaluations) {
    const std::string name = data == "validation" ? "held out" : data;
    loss.series.push_back({.name = name, .points = points, .color = color++, .dots = true});
  }
  charts.push_back(std::move(loss));
  Chart terms = StepChart("loss terms", "nats per token", {});
  color = 0;
  for (const auto& [name, points] : run.terms) {
    const bool nothing = std::all_of(points.begin(), points.end(),
                                     [](const auto& point) { return point.second == 0; });
    if (!nothing) terms.series.push_back({.name = name, .points = points, .color = color++});
  }
  if (terms.series.size() > 1) charts.push_back(std::move(terms));
  charts.push_back(StepChart("learning rate", "rate that was applied",
                             {{.name = "", .points = run.rate, .color = 2}}));
  charts.back().from_zero = true;
  Chart norm = StepChart("gradient norm", "norm",
                         {{.name = "measured", .points = run.norm, .color = 0, .faint = true},
                          {.name = "after clipping", .points = run.norm_clipped, .color = 0}});
  norm.logarithmic = true;
  if (const auto limit = run.scalars.find("clip_limit"); limit != run.scalars.end()) {
    norm.series.push_back({.name = "limit", .points = limit->second, .color = 1});
  }
  charts.push_back(std::move(norm));
  charts.push_back(StepChart("speed", "tokens per second",
                             {{.name = "", .points = run.tokens_per_second, .color = 4}}));
  charts.back().from_zero = true;
  charts.push_back(StepChart("time", "ms per step",
                             {{.name = "", .points = run.step_milliseconds, .color = 5}}));
  charts.back().from_zero = true;
  for (const auto& [what, parts] : run.routing) {
    const bool experts = absl::StartsWith(what, "moe");
    Chart routing = StepChart(RouterTitle(what), "tokens per step", {});
    routing.from_zero = true;
    for (size_t part = 0; part < parts.size(); ++part) {
      routing.series.push_back({.name = absl::StrCat(experts ? "expert " : "pass ", part),
                                .points = parts[part],
                                .color = static_cast<int>(part)});
    }
    charts.push_back(std::move(routing));
  }
  return charts;
}

std::vector<Chart> ComparisonCharts(const std::vector<RunHistory>& runs) {
  Chart loss = StepChart("training loss (average)", "nats per token", {});
  loss.logarithmic = true;
  Chart held_out = StepChart("held-out loss", "nats per token", {});
  Chart rate = StepChart("learning rate", "rate that was applied", {});
  Chart norm = StepChart("gradient norm", "norm before clipping", {});
  norm.logarithmic = true;
  Chart speed = StepChart("speed", "tokens per second", {});
  speed.from_zero = rate.from_zero = true;
  for (size_t i = 0; i < runs.size(); ++i) {
    const RunHistory& run = runs[i];
    const auto add = [&](Chart& chart, const StepSeries& points, bool dots) {
      chart.series.push_back(
          {.name = NameOf(run), .points = points, .color = static_cast<int>(i), .dots = dots});
    };
    add(loss, run.loss_average, false);
    add(rate, run.rate, false);
    add(norm, run.norm, false);
    add(speed, run.tokens_per_second, false);
    const auto found = run.evaluations.find("validation");
    if (found != run.evaluations.end()) add(held_out, found->second, true);
  }
  return {loss, held_out, rate, norm, speed};
}

std::string SettingsSection(const RunHistory& run) {
  std::string given, rest;
  for (const auto& [key, value] : run.settings) {
    const train::SettingSpec* spec = train::FindSetting(key);
    const bool changed = spec == nullptr || value != spec->initial;
    absl::StrAppend(changed ? &given : &rest, changed ? "<tr class=\"given\">" : "<tr>", "<td>",
                    EscapeHtml(key), "</td><td>", EscapeHtml(value), "</td><td>",
                    spec == nullptr ? "" : EscapeHtml(spec->help), "</td></tr>");
  }
  return absl::StrCat("<h2>Settings</h2><table>", given,
                      "</table><details><summary>those at their defaults</summary><table>", rest,
                      "</table></details>\n");
}

std::string DifferencesSection(const std::vector<RunHistory>& runs) {
  std::set<std::string> keys;
  for (const RunHistory& run : runs) {
    for (const auto& [key, value] : run.settings) keys.insert(key);
  }
  std::string text = "<h2>What differs</h2><table><tr><th></th>";
  for (const RunHistory& run : runs) {
    absl::StrAppend(&text, "<th>", EscapeHtml(NameOf(run)), "</th>");
  }
  absl::StrAppend(&text, "</tr>");
  const auto row = [&](const std::string& name, const auto& value_of) {
    std::set<std::string> values;
    std::string cells;
    for (const RunHistory& run : runs) {
      const std::string value = value_of(run);
      values.insert(value);
      absl::StrAppend(&cells, "<td>", EscapeHtml(value), "</td>");
    }
    if (values.size() > 1) absl::StrAppend(&text, "<tr><th>", name, "</th>", cells, "</tr>");
  };
  const auto last = [](const StepSeries& series) {
    return series.empty() ? std::string("none") : absl::StrFormat("%.5g", series.back().second);
  };
  row("model", [](const RunHistory& run) { return run.model; });
  row("steps", [](const RunHistory& run) { return absl::StrCat(run.last_step); });
  row("tokens", [](const RunHistory& run) { return absl::StrCat(run.tokens); });
  row("training loss (average)", [&](const RunHistory& run) { return last(run.loss_average); });
  row("held-out loss", [&](const RunHistory& run) {
    const auto found = run.evaluations.find("validation");
    return found == run.evaluations.end() ? std::string("none") : last(found->second);
  });
  for (const std::string& key : keys) {
    row(key, [&](const RunHistory& run) {
      const auto found = run.settings.find(key);
      return found == run.settings.end() ? std::string() : found->second;
    });
  }
  return text + "</table>\n";
}

std::string ArtifactSection(const artifact::Artifact& artifact, int& charts) {
  const artifact::ArtifactInfo& info = artifact.info();
  std::vector<std::pair<std::string, std::string>> memory;
  for (int i = 0; i < hal::kRegionCount; ++i) {
    if (info.region_bytes[static_cast<size_t>(i)] == 0) continue;
    memory.emplace_back(std::string(hal::RegionName(static_cast<hal::Region>(i))),
                        SizeText(info.region_bytes[static_cast<size_t>(i)]));
  }
  std::string text = "<h2>Memory of the plan</h2><div class=\"grid2\">";
  for (const artifact::EntryInfo* entry : EntriesToShow(info)) {
    const MemoryTimeline timeline = TimelineOf(*entry);
    StepSeries live, arena;
    for (size_t i = 0; i < timeline.live.size(); ++i) {
      live.emplace_back(static_cast<double>(i), static_cast<double>(timeline.live[i]));
    }
    if (live.empty()) continue;
    const double planned = static_cast<double>(entry->arena_bytes);
    arena = {{0, planned}, {static_cast<double>(live.size() - 1), planned}};
    const std::string svg =
        ChartSvg({.title = absl::StrCat("arena of ", entry->Label()),
                  .x_label = "command",
                  .y_label = "bytes that hold a value",
                  .series = {{.name = "live", .points = live, .color = 0, .filled = true},
                             {.name = "planned", .points = arena, .color = 1}},
                  .from_zero = true,
                  .bytes = true});
    charts += svg.empty() ? 0 : 1;
    const std::string& scope = info.scopes[entry->body[timeline.peak_command].scope];
    absl::StrAppend(&text, "<div>", svg, "<p>most: ", SizeText(timeline.peak), ", in command ",
                    timeline.peak_command, scope.empty() ? "" : " of ", EscapeHtml(scope),
                    "</p></div>");
  }
  absl::StrAppend(&text, "</div>", FactTable(memory));
  const absl::StatusOr<std::optional<Ledger>> ledger = LedgerOf(artifact);
  const absl::StatusOr<FusionGraph> drawn = GraphOfArtifact(artifact);
  if (!drawn.ok()) return text;
  const FusionGraph& graph = *drawn;
  const std::string svg = GraphSvg(graph);
  charts += svg.empty() ? 0 : 1;
  absl::StrAppend(&text, "<h2>What runs together</h2><p>The commands of ",
                  graph.scope.empty() ? "the entry" : EscapeHtml(graph.scope), " in ",
                  EscapeHtml(graph.entry),
                  ", in the order they run; a kernel lists the ops that fusion put into it. Arrows "
                  "are values that pass through memory.</p>",
                  svg);
  if (ledger.ok() && *ledger) absl::StrAppend(&text, RefusedTable(**ledger));
  return text;
}

}  // namespace hydra::app
