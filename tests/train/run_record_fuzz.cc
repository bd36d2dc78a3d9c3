// Fuzz entry of run.json: what is accepted says the same when it is written again, and its settings
// and the state of the trainer's modules are taken or refused with a reason.
#include <cstdlib>
#include <string>

#include "runtime/train/records.h"
#include "runtime/train/routing_curriculum.h"
#include "runtime/train/run_record.h"
#include "runtime/train/settings.h"
#include "tests/io/fuzz_entries.h"

namespace hydra {
namespace {

void Resume(const train::RunRecord& record) {
  train::Settings settings;
  if (const auto lines = settings.Restore(record.settings); !lines.ok()) {
    if (lines.status().message().empty()) std::abort();
    return;
  }
  (void)train::CheckSettings(settings);
  auto records = train::StepRecords::Create(2);
  auto curriculum = train::RoutingCurriculum::Create(settings, record.facts);
  if (!records.ok() || !curriculum.ok()) return;
  train::DataPosition position;
  train::LossAverages averages;
  train::HostModule* const modules[] = {&*records, &averages, &position, &*curriculum};
  const absl::Status restored = train::RestoreModules(record.host_state, modules, "fuzz");
  if (!restored.ok()) {
    if (restored.message().empty()) std::abort();
    return;
  }
  (void)records->CheckAllFinite();
  (void)curriculum->PhaseOf(record.step);
  train::SaveModules(modules);
}

}  // namespace

bool Fuzz_run_record(const uint8_t* data, size_t size) {
  const auto record =
      train::ParseRunRecord({reinterpret_cast<const char*>(data), size}, "run.json");
  if (!record.ok()) {
    if (record.status().message().empty()) std::abort();
    return false;
  }
  const std::string text = train::RunRecordText(*record);
  const auto again = train::ParseRunRecord(text, "run.json");
  if (!again.ok() || train::RunRecordText(*again) != text) std::abort();
  Resume(*record);
  return true;
}

}  // namespace hydra
