#include "runtime/exec/step_record.h"

#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "runtime/base/command_check.h"
#include "runtime/base/status.h"

namespace hydra {
namespace {

using artifact::Reduce;
using hal::ElementType;

template <typename T>
double Load(const uint8_t* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(value));
  return static_cast<double>(value);
}

double Element(ElementType type, const uint8_t* values, size_t index) {
  switch (type) {
    case ElementType::kI32:
      return Load<int32_t>(values + index * sizeof(int32_t));
    case ElementType::kF64:
      return Load<double>(values + index * sizeof(double));
    default:
      return Load<float>(values + index * sizeof(float));
  }
}

// Of the value so far and the next one. Comparisons that hold for no NaN would lose it.
double Combine(Reduce reduce, double so_far, double next) {
  switch (reduce) {
    case Reduce::kLast:
      return next;
    case Reduce::kSum:
    case Reduce::kMean:
      return so_far + next;
    case Reduce::kMax:
      return std::isnan(so_far) || so_far >= next ? so_far : next;
    case Reduce::kMin:
      return std::isnan(so_far) || so_far <= next ? so_far : next;
  }
  return next;
}

}  // namespace

absl::StatusOr<std::vector<RecordField>> FieldsOf(const artifact::EntryInfo& entry, uint64_t offset,
                                                  uint64_t stride, uint32_t pieces) {
  std::vector<RecordField> fields;
  for (const artifact::NamedBuffer& buffer : entry.record) {
    if (buffer.type != ElementType::kF32 && buffer.type != ElementType::kF64 &&
        buffer.type != ElementType::kI32) {
      return InputError(absl::StrCat("record field ", buffer.name, " of ", entry.Label(), " holds ",
                                     hal::ElementTypeName(buffer.type),
                                     ", expected f32, f64 or i32"));
    }
    fields.push_back({&buffer, offset + buffer.ref.offset, stride, pieces});
  }
  return fields;
}

void ReduceField(const RecordField& field, absl::Span<const uint8_t> record,
                 absl::Span<double> values) {
  const artifact::NamedBuffer& buffer = *field.buffer;
  const bool mean = buffer.reduce == Reduce::kMean;
  for (size_t i = 0; i < values.size(); ++i) {
    double value = 0;
    for (uint32_t piece = 0; piece < field.pieces; ++piece) {
      const double next =
          Element(buffer.type, record.data() + field.offset + piece * field.stride, i);
      value = piece == 0 ? next : Combine(buffer.reduce, value, next);
    }
    values[i] = mean ? value / field.pieces : value;
  }
}

}  // namespace hydra
