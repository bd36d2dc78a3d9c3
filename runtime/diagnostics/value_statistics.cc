#include "runtime/diagnostics/value_statistics.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/base/buffer_ref.h"

namespace hydra {
namespace {

// As floats these words are NaNs that arithmetic never makes, whose NaNs end in zeros.
constexpr int32_t kLeastInteger = -65536;

template <typename T>
T Load(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

double Element(const uint8_t* at, hal::ElementType type) {
  switch (type) {
    case hal::ElementType::kF32: {
      const int32_t integer = Load<int32_t>(at);
      return integer < 0 && integer >= kLeastInteger ? integer : Load<float>(at);
    }
    case hal::ElementType::kBf16: {
      const uint32_t bits = static_cast<uint32_t>(Load<uint16_t>(at)) << 16;
      return Load<float>(reinterpret_cast<const uint8_t*>(&bits));
    }
    case hal::ElementType::kF64:
      return Load<double>(at);
    case hal::ElementType::kI32:
      return Load<int32_t>(at);
    case hal::ElementType::kU8:
      return *at;
  }
  return 0;
}

}  // namespace

std::string ValueStatistics::Text() const {
  std::string text = absl::StrCat(values, values == 1 ? " value" : " values");
  if (nans + infinities < values) {
    absl::StrAppend(&text, absl::StrFormat(" from %.6g to %.6g, mean %.3g", least, most, mean));
  }
  if (nans > 0) absl::StrAppend(&text, ", ", nans, " NaN");
  if (infinities > 0) absl::StrAppend(&text, ", ", infinities, " infinite");
  if (first_bad >= 0) absl::StrAppend(&text, ", the first at element ", first_bad);
  return text;
}

bool BecameNotFinite(absl::Span<const uint8_t> before, absl::Span<const uint8_t> after,
                     hal::ElementType type) {
  const size_t size = hal::ElementBytes(type);
  for (size_t at = 0; at + size <= after.size(); at += size) {
    if (std::isfinite(Element(after.data() + at, type))) continue;
    if (std::memcmp(before.data() + at, after.data() + at, size) != 0) return true;
  }
  return false;
}

ValueStatistics StatisticsOf(absl::Span<const uint8_t> bytes, hal::ElementType type) {
  ValueStatistics result;
  const size_t size = hal::ElementBytes(type);
  result.values = static_cast<int64_t>(bytes.size() / size);
  double sum = 0;
  int64_t finite = 0;
  for (int64_t i = 0; i < result.values; ++i) {
    const double value = Element(bytes.data() + static_cast<size_t>(i) * size, type);
    if (!std::isfinite(value)) {
      ++(std::isnan(value) ? result.nans : result.infinities);
      if (result.first_bad < 0) result.first_bad = i;
      continue;
    }
    result.least = finite == 0 ? value : std::min(result.least, value);
    result.most = finite == 0 ? value : std::max(result.most, value);
    sum += value;
    ++finite;
  }
  if (finite > 0) result.mean = sum / static_cast<double>(finite);
  return result;
}

}  // namespace hydra
