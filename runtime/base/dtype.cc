// Table of element types.
#include "runtime/base/dtype.h"

#include <array>

namespace hydra {
namespace {

struct Entry {
  DType dtype;
  const char* name;
  size_t size;
};

constexpr std::array<Entry, 13> kEntries = {{
    {DType::kBool, "BOOL", 1},
    {DType::kU8, "U8", 1},
    {DType::kI8, "I8", 1},
    {DType::kU16, "U16", 2},
    {DType::kI16, "I16", 2},
    {DType::kF16, "F16", 2},
    {DType::kBF16, "BF16", 2},
    {DType::kU32, "U32", 4},
    {DType::kI32, "I32", 4},
    {DType::kF32, "F32", 4},
    {DType::kU64, "U64", 8},
    {DType::kI64, "I64", 8},
    {DType::kF64, "F64", 8},
}};

// The table is indexed by the enumerator; a new type must be added in the same order.
constexpr bool TableIsInOrder() {
  for (size_t i = 0; i < kEntries.size(); ++i) {
    if (static_cast<size_t>(kEntries[i].dtype) != i) return false;
  }
  return true;
}
static_assert(TableIsInOrder());

}  // namespace

size_t DTypeSize(DType dtype) { return kEntries[static_cast<size_t>(dtype)].size; }

absl::string_view DTypeName(DType dtype) { return kEntries[static_cast<size_t>(dtype)].name; }

std::optional<DType> ParseDType(absl::string_view name) {
  for (const Entry& entry : kEntries) {
    if (name == entry.name) return entry.dtype;
  }
  return std::nullopt;
}

absl::string_view AllDTypeNames() {
  return "BOOL, U8, I8, U16, I16, F16, BF16, U32, I32, F32, U64, I64, F64";
}

}  // namespace hydra
