#include "runtime/app/profile_file.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "runtime/app/kernel_times.h"
#include "runtime/io/json_file.h"
#include "runtime/io/json_value.h"

namespace hydra::app {
namespace {

// The field that tells these traces from all others.
constexpr char kFormat[] = "hydra-profile-1";

JsonValue NameOf(const char* what, size_t process, size_t thread, const std::string& name) {
  return {{"name", what},
          {"ph", "M"},
          {"pid", process},
          {"tid", thread},
          {"args", JsonValue{{"name", name}}}};
}

// What the artifact knows of a kernel, by the name of its function.
class KernelFacts {
 public:
  KernelFacts(const artifact::ArtifactInfo& info, const Ledger* ledger) {
    for (const artifact::KernelInfo& kernel : info.kernels) locations_[kernel.name] = &kernel;
    if (ledger == nullptr) return;
    for (const LedgerKernel& kernel : ledger->kernels) kernels_[kernel.name] = &kernel;
  }

  void Describe(const std::string& function, JsonValue& args) const {
    if (const auto found = locations_.find(function); found != locations_.end()) {
      args["location"] = found->second->location;
    }
    const auto found = kernels_.find(std::string(KernelOfFunction(function)));
    if (found == kernels_.end()) return;
    args["bytes"] = found->second->bytes;
    args["ops"] = absl::StrJoin(found->second->ops, ", ", [](std::string* out, const LedgerOp& op) {
      absl::StrAppend(out, op.op, op.location.empty() ? "" : " at ", op.location);
    });
  }

 private:
  std::map<std::string, const artifact::KernelInfo*> locations_;
  std::map<std::string, const LedgerKernel*> kernels_;
};

absl::StatusOr<double> Seconds(const JsonView& object, absl::string_view key) {
  HYDRA_ASSIGN_OR_RETURN(const JsonView value, object.Get(key));
  HYDRA_ASSIGN_OR_RETURN(const double microseconds, value.Double());
  if (microseconds < 0) return value.Expected("a time");
  return microseconds / 1e6;
}

absl::StatusOr<CommandTime> ReadCommand(const JsonView& event) {
  CommandTime command;
  HYDRA_ASSIGN_OR_RETURN(command.kind, event.Text("cat"));
  HYDRA_ASSIGN_OR_RETURN(command.mean, Seconds(event, "dur"));
  HYDRA_ASSIGN_OR_RETURN(const JsonView args, event.Get("args"));
  HYDRA_ASSIGN_OR_RETURN(command.entry, args.Text("entry"));
  HYDRA_ASSIGN_OR_RETURN(command.kernel, args.Text("kernel"));
  HYDRA_ASSIGN_OR_RETURN(const JsonView runs, args.Get("runs"));
  HYDRA_ASSIGN_OR_RETURN(command.runs, runs.Uint());
  HYDRA_ASSIGN_OR_RETURN(command.fastest, Seconds(args, "fastest_us"));
  return command;
}

}  // namespace

std::string ArtifactId(const artifact::Artifact& artifact) {
  return absl::StrFormat("%016x", artifact.content_hash());
}

std::string ProfileTrace(const Profile& head, const artifact::ArtifactInfo& info,
                         const Ledger* ledger, absl::Span<const Measurement> measurements) {
  const KernelFacts facts(info, ledger);
  JsonValue events = JsonValue::array();
  for (size_t process = 0; process < measurements.size(); ++process) {
    const Measurement& measurement = measurements[process];
    events.push_back(NameOf("process_name", process, 0, measurement.label));
    std::map<std::string, size_t> threads;
    double now = 0;  // microseconds
    for (const ProfileRow& row : measurement.profile) {
      const auto [thread, added] = threads.emplace(row.entry, threads.size());
      if (added) events.push_back(NameOf("thread_name", process, thread->second, row.entry));
      if (row.runs == 0) continue;  // a case of a switch that was not taken
      const double mean = 1e6 * row.seconds / static_cast<double>(row.runs);
      JsonValue args{{"entry", row.entry},
                     {"scope", row.scope},
                     {"kernel", row.kernel},
                     {"runs", row.runs},
                     {"fastest_us", 1e6 * row.fastest}};
      if (!row.kernel.empty()) facts.Describe(row.kernel, args);
      events.push_back({{"name", row.kernel.empty() ? row.kind : row.kernel},
                        {"cat", row.kind},
                        {"ph", "X"},
                        {"pid", process},
                        {"tid", thread->second},
                        {"ts", now},
                        {"dur", mean},
                        {"args", std::move(args)}});
      now += mean;
    }
  }
  const JsonValue trace{{"displayTimeUnit", "ms"},
                        {"otherData", JsonValue{{"format", kFormat},
                                                {"artifact", head.artifact},
                                                {"model", head.model},
                                                {"device", head.device},
                                                {"isa_level", head.isa_level},
                                                {"workers", head.workers}}},
                        {"traceEvents", std::move(events)}};
  return trace.Dump(1) + "\n";
}

absl::StatusOr<Profile> ReadProfile(const std::string& path) {
  HYDRA_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::ReadFile(path));
  const JsonView root = document.root();
  const std::optional<JsonView> head = root.Find("otherData");
  const std::optional<JsonView> format = head ? head->Find("format") : std::optional<JsonView>();
  if (!format || !format->is_string() || format->String().value() != kFormat) {
    return InputError(absl::StrCat(path, ": expected a profile of hydra-run (", kFormat,
                                   "), found other JSON; write one with `hydra-run bench ARTIFACT "
                                   "--profile=FILE`"));
  }
  Profile profile;
  HYDRA_ASSIGN_OR_RETURN(profile.artifact, head->Text("artifact"));
  HYDRA_ASSIGN_OR_RETURN(profile.model, head->Text("model"));
  HYDRA_ASSIGN_OR_RETURN(profile.device, head->Text("device"));
  HYDRA_ASSIGN_OR_RETURN(profile.isa_level, head->Text("isa_level"));
  HYDRA_ASSIGN_OR_RETURN(const JsonView workers, head->Get("workers"));
  HYDRA_ASSIGN_OR_RETURN(profile.workers, workers.Int(1));
  HYDRA_ASSIGN_OR_RETURN(const JsonView list, root.Get("traceEvents"));
  HYDRA_ASSIGN_OR_RETURN(const std::vector<JsonView> events, list.Array());
  for (const JsonView& event : events) {
    HYDRA_ASSIGN_OR_RETURN(const std::string phase, event.Text("ph"));
    if (phase != "X") continue;
    HYDRA_ASSIGN_OR_RETURN(profile.commands.emplace_back(), ReadCommand(event));
  }
  return profile;
}

}  // namespace hydra::app
