#include "runtime/io/ledger.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "runtime/io/json_file.h"

namespace hydra {
namespace {

absl::StatusOr<int64_t> Count(const JsonView& object, absl::string_view key) {
  HYDRA_ASSIGN_OR_RETURN(const JsonView value, object.Get(key));
  return value.Int();
}

absl::StatusOr<std::vector<LedgerOp>> ReadOps(const JsonView& object) {
  HYDRA_ASSIGN_OR_RETURN(const JsonView value, object.Get("ops"));
  HYDRA_ASSIGN_OR_RETURN(const std::vector<JsonView> list, value.Array());
  std::vector<LedgerOp> ops;
  for (const JsonView& item : list) {
    LedgerOp op;
    HYDRA_ASSIGN_OR_RETURN(op.op, item.Text("op"));
    HYDRA_ASSIGN_OR_RETURN(op.scope, item.Text("scope"));
    HYDRA_ASSIGN_OR_RETURN(op.location, item.Text("location"));
    ops.push_back(std::move(op));
  }
  return ops;
}

absl::StatusOr<std::optional<LedgerCost>> ReadCost(const JsonView& object, absl::string_view key) {
  const std::optional<JsonView> value = object.Find(key);
  if (!value) return std::optional<LedgerCost>();
  LedgerCost cost;
  HYDRA_ASSIGN_OR_RETURN(cost.bytes, Count(*value, "bytes"));
  HYDRA_ASSIGN_OR_RETURN(cost.picoseconds, Count(*value, "picoseconds"));
  HYDRA_ASSIGN_OR_RETURN(cost.launches, Count(*value, "launches"));
  HYDRA_ASSIGN_OR_RETURN(cost.live_vectors, Count(*value, "live_vectors"));
  HYDRA_ASSIGN_OR_RETURN(cost.sweeps, Count(*value, "sweeps"));
  return std::optional<LedgerCost>(cost);
}

absl::StatusOr<KernelWork> ReadWork(const JsonView& object) {
  KernelWork work;
  HYDRA_ASSIGN_OR_RETURN(const JsonView items, object.Get("items"));
  HYDRA_ASSIGN_OR_RETURN(const std::vector<JsonView> stages, items.Array());
  for (const JsonView& stage : stages) {
    HYDRA_ASSIGN_OR_RETURN(work.items.emplace_back(), stage.Int(0));
  }
  HYDRA_ASSIGN_OR_RETURN(work.flops, Count(object, "flops"));
  HYDRA_ASSIGN_OR_RETURN(const JsonView traffic, object.Get("traffic"));
  HYDRA_ASSIGN_OR_RETURN(const std::vector<JsonView> tensors, traffic.Array());
  for (const JsonView& tensor : tensors) {
    HYDRA_ASSIGN_OR_RETURN(const std::vector<JsonView> pair, tensor.Array());
    if (pair.size() != 2) return tensor.Expected("the bytes moved and those of the tensor");
    KernelWork::Tensor& read = work.traffic.emplace_back();
    HYDRA_ASSIGN_OR_RETURN(read.bytes, pair[0].Int(0));
    HYDRA_ASSIGN_OR_RETURN(read.tensor_bytes, pair[1].Int(0));
  }
  if (const std::optional<JsonView> arithmetic = object.Find("tenths_of_cycles")) {
    HYDRA_ASSIGN_OR_RETURN(const int64_t tenths, arithmetic->Int(0));
    work.cycles = static_cast<double>(tenths) / 10;
  }
  return work;
}

absl::StatusOr<LedgerKernel> ReadKernel(const JsonView& item) {
  LedgerKernel kernel;
  HYDRA_ASSIGN_OR_RETURN(kernel.name, item.Text("name"));
  HYDRA_ASSIGN_OR_RETURN(kernel.kind, item.Text("kind"));
  HYDRA_ASSIGN_OR_RETURN(kernel.launches, Count(item, "launches"));
  // Artifacts of earlier compilers have neither bytes nor entries.
  if (const std::optional<JsonView> bytes = item.Find("bytes")) {
    HYDRA_ASSIGN_OR_RETURN(kernel.bytes, bytes->Int());
  }
  if (const std::optional<JsonView> work = item.Find("work")) {
    HYDRA_ASSIGN_OR_RETURN(kernel.work, ReadWork(*work));
  }
  HYDRA_ASSIGN_OR_RETURN(kernel.ops, ReadOps(item));
  return kernel;
}

absl::StatusOr<LedgerEntry> ReadEntry(const JsonView& item) {
  LedgerEntry entry;
  HYDRA_ASSIGN_OR_RETURN(entry.name, item.Text("name"));
  HYDRA_ASSIGN_OR_RETURN(entry.kernels, Count(item, "kernels"));
  HYDRA_ASSIGN_OR_RETURN(entry.bytes_outside_matmuls, Count(item, "bytes_outside_matmuls"));
  return entry;
}

absl::StatusOr<LedgerDecision> ReadDecision(const JsonView& item) {
  LedgerDecision decision;
  HYDRA_ASSIGN_OR_RETURN(decision.kind, item.Text("kind"));
  HYDRA_ASSIGN_OR_RETURN(decision.code, item.Text("code"));
  HYDRA_ASSIGN_OR_RETURN(decision.detail, item.Text("detail"));
  HYDRA_ASSIGN_OR_RETURN(const JsonView accepted, item.Get("accepted"));
  HYDRA_ASSIGN_OR_RETURN(decision.accepted, accepted.Bool());
  HYDRA_ASSIGN_OR_RETURN(decision.instances, Count(item, "instances"));
  HYDRA_ASSIGN_OR_RETURN(decision.ops, ReadOps(item));
  HYDRA_ASSIGN_OR_RETURN(const JsonView first, item.Get("first"));
  HYDRA_ASSIGN_OR_RETURN(const int64_t sides,
                         first.Int(0, static_cast<int64_t>(decision.ops.size())));
  decision.first = static_cast<size_t>(sides);
  HYDRA_ASSIGN_OR_RETURN(decision.before, ReadCost(item, "before"));
  HYDRA_ASSIGN_OR_RETURN(decision.after, ReadCost(item, "after"));
  if (const std::optional<JsonView> limit = item.Find("limit")) {
    HYDRA_ASSIGN_OR_RETURN(decision.limit, limit->Text("name"));
    HYDRA_ASSIGN_OR_RETURN(decision.value, Count(*limit, "value"));
    HYDRA_ASSIGN_OR_RETURN(decision.allowed, Count(*limit, "allowed"));
  }
  return decision;
}

// "rms_norm, 2 x binary add" of one side.
std::string Side(const LedgerOp* begin, const LedgerOp* end) {
  std::vector<std::pair<std::string, int>> counts;
  for (const LedgerOp* op = begin; op != end; ++op) {
    auto known = std::find_if(counts.begin(), counts.end(),
                              [&](const auto& entry) { return entry.first == op->op; });
    if (known == counts.end()) {
      counts.emplace_back(op->op, 1);
    } else {
      ++known->second;
    }
  }
  return absl::StrJoin(counts, ", ", [](std::string* out, const auto& entry) {
    if (entry.second > 1) absl::StrAppend(out, entry.second, " x ");
    absl::StrAppend(out, entry.first);
  });
}

std::string Bytes(int64_t bytes) {
  if (bytes < 10000) return absl::StrCat(bytes, " B");
  if (bytes < 10000000) return absl::StrFormat("%.1f kB", static_cast<double>(bytes) / 1e3);
  return absl::StrFormat("%.1f MB", static_cast<double>(bytes) / 1e6);
}
std::string Microseconds(int64_t picoseconds) {
  return absl::StrFormat("%.1f us", static_cast<double>(picoseconds) / 1e6);
}

std::string Numbers(const LedgerDecision& decision) {
  std::string text;
  if (decision.before && decision.after) {
    absl::StrAppend(&text, Bytes(decision.before->bytes), " -> ", Bytes(decision.after->bytes),
                    ", ", Microseconds(decision.before->picoseconds), " -> ",
                    Microseconds(decision.after->picoseconds));
  }
  if (!decision.limit.empty()) {
    absl::StrAppend(&text, text.empty() ? "" : "; ", decision.limit, ": ", decision.value,
                    ", allowed ", decision.allowed);
  }
  return text;
}

// The place of a decision: where its two sides meet.
std::string Place(const LedgerDecision& decision) {
  const LedgerOp& op = decision.ops.back();
  return absl::StrCat(op.location.empty() ? "unknown place" : op.location,
                      op.scope.empty() ? "" : ", ", op.scope);
}

// What saved most first; among equals in the order of the program.
std::vector<const LedgerDecision*> Sorted(const Ledger& ledger, bool accepted) {
  std::vector<const LedgerDecision*> result;
  for (const LedgerDecision& decision : ledger.decisions) {
    if (decision.accepted == accepted) result.push_back(&decision);
  }
  const auto weight = [](const LedgerDecision* decision) {
    if (!decision->before || !decision->after) return int64_t{0};
    return decision->instances *
           std::abs(decision->before->picoseconds - decision->after->picoseconds);
  };
  std::sort(result.begin(), result.end(), [&](const auto* a, const auto* b) {
    return std::make_pair(-weight(a), a) < std::make_pair(-weight(b), b);
  });
  return result;
}

struct Totals {
  int64_t classes = 0, instances = 0, bytes = 0, picoseconds = 0;
};
Totals Sum(const std::vector<const LedgerDecision*>& decisions) {
  Totals totals;
  for (const LedgerDecision* decision : decisions) {
    ++totals.classes;
    totals.instances += decision->instances;
    if (!decision->before || !decision->after) continue;
    totals.bytes += decision->instances * (decision->before->bytes - decision->after->bytes);
    totals.picoseconds +=
        decision->instances * (decision->before->picoseconds - decision->after->picoseconds);
  }
  return totals;
}

std::string Escaped(absl::string_view text) {
  return absl::StrReplaceAll(text,
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

}  // namespace

std::string LedgerDecision::Title() const {
  const LedgerOp* begin = ops.data();
  const std::string other = Side(begin + first, begin + ops.size());
  return absl::StrCat(kind, " of ", Side(begin, begin + first), other.empty() ? "" : " and ",
                      other);
}

absl::StatusOr<Ledger> ParseLedger(absl::string_view json, absl::string_view source) {
  HYDRA_ASSIGN_OR_RETURN(const JsonDocument document,
                         JsonDocument::Parse(std::string(json), std::string(source)));
  const JsonView root = document.root();
  Ledger ledger;
  HYDRA_ASSIGN_OR_RETURN(ledger.target, root.Text("target"));
  HYDRA_ASSIGN_OR_RETURN(ledger.level, root.Text("level"));
  if (const std::optional<JsonView> entries = root.Find("entries")) {
    HYDRA_ASSIGN_OR_RETURN(const std::vector<JsonView> entry_list, entries->Array());
    for (const JsonView& item : entry_list) {
      HYDRA_ASSIGN_OR_RETURN(LedgerEntry entry, ReadEntry(item));
      ledger.entries.push_back(std::move(entry));
    }
  }
  HYDRA_ASSIGN_OR_RETURN(const JsonView kernels, root.Get("kernels"));
  HYDRA_ASSIGN_OR_RETURN(const std::vector<JsonView> kernel_list, kernels.Array());
  for (const JsonView& item : kernel_list) {
    HYDRA_ASSIGN_OR_RETURN(LedgerKernel kernel, ReadKernel(item));
    ledger.kernels.push_back(std::move(kernel));
  }
  HYDRA_ASSIGN_OR_RETURN(const JsonView decisions, root.Get("decisions"));
  HYDRA_ASSIGN_OR_RETURN(const std::vector<JsonView> decision_list, decisions.Array());
  for (const JsonView& item : decision_list) {
    HYDRA_ASSIGN_OR_RETURN(LedgerDecision decision, ReadDecision(item));
    ledger.decisions.push_back(std::move(decision));
  }
  HYDRA_ASSIGN_OR_RETURN(ledger.gpu_code, ReadGpuReport(root));
  return ledger;
}

std::string LedgerText(const Ledger& ledger) {
  int64_t launches = 0;
  for (const LedgerKernel& kernel : ledger.kernels) launches += kernel.launches;
  std::string text = absl::StrFormat(
      "Fusion on %s, judged by the facts of %s. Bytes and times are predictions for one instance.\n"
      "\n%d kernels, %d launches in all entries\n",
      ledger.target, ledger.level, ledger.kernels.size(), launches);
  for (const LedgerEntry& entry : ledger.entries) {
    absl::StrAppendFormat(&text, "  %-32s %5d launches, %s outside of matmuls\n", entry.name,
                          entry.kernels, Bytes(entry.bytes_outside_matmuls));
  }
  for (const LedgerKernel& kernel : ledger.kernels) {
    absl::StrAppendFormat(&text, "\n  %s  (%s, %d launches, %s each)\n", kernel.name, kernel.kind,
                          kernel.launches, Bytes(kernel.bytes));
    for (const LedgerOp& op : kernel.ops) {
      absl::StrAppendFormat(&text, "    %-24s %-34s %s\n", op.op, op.location, op.scope);
    }
  }
  for (const bool accepted : {true, false}) {
    const std::vector<const LedgerDecision*> decisions = Sorted(ledger, accepted);
    const Totals totals = Sum(decisions);
    absl::StrAppendFormat(&text, "\n%s: %d candidates in %d classes",
                          accepted ? "Taken" : "Refused", totals.instances, totals.classes);
    if (accepted) {
      absl::StrAppend(&text, ", saving ", Bytes(totals.bytes), " and ",
                      Microseconds(totals.picoseconds));
    }
    absl::StrAppend(&text, "\n");
    for (const LedgerDecision* decision : decisions) {
      absl::StrAppendFormat(&text, "\n  %4d x  %-16s %s\n", decision->instances, decision->code,
                            decision->Title());
      const std::string numbers = Numbers(*decision);
      if (!numbers.empty()) absl::StrAppendFormat(&text, "%26s %s\n", "", numbers);
      if (!decision->detail.empty())
        absl::StrAppendFormat(&text, "%26s %s\n", "", decision->detail);
      absl::StrAppendFormat(&text, "%26s first at %s\n", "", Place(*decision));
    }
  }
  const std::string gpu = GpuReportText(ledger.gpu_code);
  if (!gpu.empty()) absl::StrAppend(&text, "\n", gpu);
  return text;
}

std::string LedgerHtml(const Ledger& ledger) {
  std::string page = absl::StrFormat(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Fusion "
      "ledger</title>\n<style>\n"
      "body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 75em; }\n"
      "table { border-collapse: collapse; width: 100%%; margin-bottom: 2em; }\n"
      "th, td { text-align: left; vertical-align: top; padding: .3em .8em; border-bottom: 1px "
      "solid #ddd; }\n"
      "td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }\n"
      ".code { font-family: monospace; white-space: nowrap; }\n.taken { color: #06660f; }\n"
      ".refused { color: #8a1f11; }\n.place { color: #666; font-size: 90%%; }\n"
      "</style></head><body>\n<h1>Fusion ledger</h1>\n"
      "<p>Target %s, judged by the facts of %s. Bytes and times are predictions for one "
      "instance.</p>\n",
      Escaped(ledger.target), Escaped(ledger.level));
  for (const bool accepted : {true, false}) {
    const std::vector<const LedgerDecision*> decisions = Sorted(ledger, accepted);
    const Totals totals = Sum(decisions);
    absl::StrAppendFormat(&page,
                          "<h2>%s: %d candidates in %d classes</h2>\n<table>\n<tr><th>Instances"
                          "<th>Verdict<th>Candidate<th>Bytes<th>Time</tr>\n",
                          accepted ? "Taken" : "Refused", totals.instances, totals.classes);
    for (const LedgerDecision* decision : decisions) {
      std::string bytes, time;
      if (decision->before && decision->after) {
        bytes =
            absl::StrCat(Bytes(decision->before->bytes), " &rarr; ", Bytes(decision->after->bytes));
        time = absl::StrCat(Microseconds(decision->before->picoseconds), " &rarr; ",
                            Microseconds(decision->after->picoseconds));
      }
      std::string reason = Escaped(decision->detail);
      if (!decision->limit.empty()) {
        absl::StrAppend(&reason, reason.empty() ? "" : "; ", Escaped(decision->limit), ": ",
                        decision->value, ", allowed ", decision->allowed);
      }
      absl::StrAppendFormat(&page,
                            "<tr><td class=\"number\">%d<td class=\"code %s\">%s<td>%s%s%s<div "
                            "class=\"place\">%s</div>"
                            "<td class=\"number\">%s<td class=\"number\">%s</tr>\n",
                            decision->instances, accepted ? "taken" : "refused",
                            Escaped(decision->code), Escaped(decision->Title()),
                            reason.empty() ? "" : "<br>", reason, Escaped(Place(*decision)), bytes,
                            time);
    }
    absl::StrAppend(&page, "</table>\n");
  }
  absl::StrAppendFormat(&page,
                        "<h2>%d kernels</h2>\n<table>\n<tr><th>Kernel<th>Kind<th>Launches<th>Ops, "
                        "places and scopes of the first</tr>\n",
                        ledger.kernels.size());
  for (const LedgerKernel& kernel : ledger.kernels) {
    absl::StrAppendFormat(&page, "<tr><td class=\"code\">%s<td>%s<td class=\"number\">%d<td>",
                          Escaped(kernel.name), Escaped(kernel.kind), kernel.launches);
    for (const LedgerOp& op : kernel.ops) {
      absl::StrAppendFormat(&page, "%s <span class=\"place\">%s %s</span><br>", Escaped(op.op),
                            Escaped(op.location), Escaped(op.scope));
    }
    absl::StrAppend(&page, "</tr>\n");
  }
  absl::StrAppend(&page, "</table>\n", GpuReportHtml(ledger.gpu_code), "</body></html>\n");
  return page;
}

std::string LedgerDiff(const Ledger& old, const Ledger& now) {
  // Instances by class and verdict.
  using Verdicts = std::map<std::string, int64_t>;
  auto count = [](const Ledger& ledger) {
    std::map<std::string, Verdicts> classes;
    for (const LedgerDecision& decision : ledger.decisions) {
      classes[decision.Title()][decision.code] += decision.instances;
    }
    return classes;
  };
  auto describe = [](const Verdicts& verdicts) {
    return verdicts.empty() ? std::string("not met")
                            : absl::StrJoin(verdicts, ", ", [](std::string* out, const auto& item) {
                                absl::StrAppend(out, item.second, " x ", item.first);
                              });
  };
  const std::map<std::string, Verdicts> before = count(old), after = count(now);
  std::map<std::string, std::pair<Verdicts, Verdicts>> all;
  for (const auto& [title, verdicts] : before) all[title].first = verdicts;
  for (const auto& [title, verdicts] : after) all[title].second = verdicts;
  std::string text;
  for (const auto& [title, verdicts] : all) {
    if (verdicts.first == verdicts.second) continue;
    absl::StrAppendFormat(&text, "%s\n    old: %s\n    new: %s\n", title, describe(verdicts.first),
                          describe(verdicts.second));
  }
  return text;
}

}  // namespace hydra
