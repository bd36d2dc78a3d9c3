#include "runtime/metrics/tensorboard_store.h"

#include <array>
#include <bit>
#include <ctime>
#include <filesystem>
#include <system_error>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace hydra::metrics {
namespace {

constexpr std::array<uint32_t, 256> MakeTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82f63b78 : 0);
    table[byte] = value;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kTable = MakeTable();

// Fields of protocol buffers; numbers are those of TensorBoard's event.proto and summary.proto.
void AppendVarint(uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}
template <typename T>
void AppendFixed(T value, std::string& out) {
  for (size_t i = 0; i < sizeof(value); ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}
void AppendBytes(int field, absl::string_view bytes, std::string& out) {
  AppendVarint(static_cast<uint64_t>(field) << 3 | 2, out);
  AppendVarint(bytes.size(), out);
  absl::StrAppend(&out, bytes);
}
void AppendNumber(int field, uint64_t value, std::string& out) {
  AppendVarint(static_cast<uint64_t>(field) << 3, out);
  AppendVarint(value, out);
}

// Event {double wall_time = 1; int64 step = 2; ...}.
std::string EventOf(double time, int64_t step) {
  std::string event;
  AppendVarint(1 << 3 | 1, event);
  AppendFixed(std::bit_cast<uint64_t>(time), event);
  AppendNumber(2, static_cast<uint64_t>(step), event);
  return event;
}

// A record of the file: length, its checksum, the event, its checksum.
void AppendRecord(absl::string_view event, std::string& out) {
  std::string length;
  AppendFixed(static_cast<uint64_t>(event.size()), length);
  out += length;
  AppendFixed(MaskedCrc32c(length), out);
  absl::StrAppend(&out, event);
  AppendFixed(MaskedCrc32c(event), out);
}

// Summary.Value {string tag = 1; float simple_value = 2}, in a summary (field 5 of the event).
class Scalars {
 public:
  void Add(const std::string& tag, double value) {
    std::string item;
    AppendBytes(1, tag, item);
    AppendVarint(2 << 3 | 5, item);
    AppendFixed(std::bit_cast<uint32_t>(static_cast<float>(value)), item);
    AppendBytes(1, item, summary_);
  }
  std::string Event(double time, int64_t step) const {
    std::string event = EventOf(time, step);
    AppendBytes(5, summary_, event);
    return event;
  }

 private:
  std::string summary_;
};

double Now() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

std::string ToEvent(const StepRow& row) {
  Scalars scalars;
  for (const auto& [term, value] : row.losses) scalars.Add("loss/" + term, value);
  scalars.Add("train/learning_rate", row.lr);
  scalars.Add("train/grad_norm", row.grad_norm);
  scalars.Add("train/grad_norm_pre_clip", row.grad_norm_pre_clip);
  scalars.Add("speed/tokens_per_second", row.tokens_per_second);
  scalars.Add("speed/step_milliseconds", row.step_milliseconds);
  const auto add_routing = [&scalars](const char* router, const auto& layers) {
    for (const auto& layer : layers) {
      for (size_t i = 0; i < layer.tokens.size(); ++i) {
        scalars.Add(absl::StrCat("routing/", router, ".", layer.layer, "/", i),
                    static_cast<double>(layer.tokens[i]));
      }
    }
  };
  add_routing("mor", row.routing.mor);
  add_routing("mod", row.routing.mod);
  add_routing("moe", row.routing.moe);
  for (const auto& [field, values] : row.record) {
    for (size_t i = 0; i < values.size(); ++i) {
      scalars.Add(values.size() == 1 ? absl::StrCat("record/", field)
                                     : absl::StrCat("record/", field, "/", i),
                  values[i]);
    }
  }
  return scalars.Event(Now(), row.step);
}

std::string ToEvent(const EvaluationRow& row) {
  Scalars scalars;
  scalars.Add("evaluation/" + row.data, row.loss);
  return scalars.Event(Now(), row.step);
}

// Summary.Value {string tag = 1; TensorProto tensor = 8; SummaryMetadata metadata = 9}: a tensor of
// one string, for the plugin that shows text.
std::string ToEvent(const SampleRow& row) {
  std::string dimension, shape, tensor, plugin, metadata, item, summary, event;
  AppendNumber(1, 1, dimension);
  AppendBytes(2, dimension, shape);
  constexpr uint64_t kString = 7;
  AppendNumber(1, kString, tensor);
  AppendBytes(2, shape, tensor);
  AppendBytes(8, absl::StrCat(row.prompt, row.text), tensor);
  AppendBytes(1, "text", plugin);
  AppendBytes(1, plugin, metadata);
  AppendBytes(1, absl::StrCat("sample/", row.prompt), item);
  AppendBytes(8, tensor, item);
  AppendBytes(9, metadata, item);
  AppendBytes(1, item, summary);
  event = EventOf(Now(), row.step);
  AppendBytes(5, summary, event);
  return event;
}

}  // namespace

uint32_t MaskedCrc32c(absl::string_view bytes) {
  uint32_t crc = 0xffffffff;
  for (const char byte : bytes) crc = (crc >> 8) ^ kTable[(crc ^ static_cast<uint8_t>(byte)) & 255];
  crc = ~crc;
  return std::rotr(crc, 15) + 0xa282ead8;
}

TensorboardStore::TensorboardStore(std::string directory, RunInfo info)
    : directory_(std::move(directory)), info_(std::move(info)), path_(directory_) {}

absl::Status TensorboardStore::Open() {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::create_directories(directory_, error);
  if (error) return FailureError(absl::StrCat(directory_, ": cannot make: ", error.message()));
  // Readers take the files in the order of their names.
  for (int number = 1;; ++number) {
    path_ = absl::StrFormat("%s/events.out.tfevents.%010d.hydra", directory_, number);
    if (!fs::exists(path_, error)) break;
  }
  HYDRA_RETURN_IF_ERROR(file_.Open(path_));
  std::string version = EventOf(Now(), 0), start = EventOf(Now(), info_.start_step + 1), records;
  AppendBytes(3, "brain.Event:2", version);
  // SessionLog {status = START}: what readers have of this step and later ones is no more.
  std::string session;
  AppendNumber(1, 1, session);
  AppendBytes(7, session, start);
  AppendRecord(version, records);
  AppendRecord(start, records);
  const absl::Status status = file_.Append(records);
  if (!status.ok()) file_.Close();
  return status;
}

absl::Status TensorboardStore::Write(absl::Span<const Row> rows) {
  if (std::string lost = file_.CloseIfLost(); !lost.empty()) loss_ = std::move(lost);
  if (!file_.is_open()) HYDRA_RETURN_IF_ERROR(Open());
  std::string records;
  for (const Row& row : rows) {
    AppendRecord(std::visit([](const auto& event) { return ToEvent(event); }, row), records);
  }
  return file_.Append(records);
}

std::optional<std::string> TensorboardStore::TakeLoss() {
  return std::exchange(loss_, std::nullopt);
}

absl::Status TensorboardStore::End() {
  if (!file_.is_open()) return FailureError("it could not be opened");
  file_.Close();
  return absl::OkStatus();
}

}  // namespace hydra::metrics
