#include "runtime/exec/control_block.h"

#include <algorithm>
#include <cstring>

#include "runtime/base/command_check.h"
#include "runtime/base/status.h"

namespace hydra {

absl::Status StoreScalar(hal::ElementType type, double value, absl::Span<uint8_t> target) {
  const auto store = [&](auto number) { std::memcpy(target.data(), &number, sizeof(number)); };
  switch (type) {
    case hal::ElementType::kF32:
      store(static_cast<float>(value));
      break;
    case hal::ElementType::kF64:
      store(value);
      break;
    case hal::ElementType::kI32:
      store(static_cast<int32_t>(std::clamp(value, -2147483648.0, 2147483647.0)));
      break;
    case hal::ElementType::kU8:
      store(static_cast<uint8_t>(std::clamp(value, 0.0, 255.0)));
      break;
    case hal::ElementType::kBf16:
      return InputError("values of type bf16 are not defined here; use f32");
  }
  return absl::OkStatus();
}

absl::Status FillInitial(const artifact::NamedBuffer& buffer, absl::Span<uint8_t> target) {
  const uint64_t element = hal::ElementBytes(buffer.type);
  for (uint64_t i = 0; i + element <= target.size(); i += element) {
    HYDRA_RETURN_IF_ERROR(
        Annotate(StoreScalar(buffer.type, buffer.initial, target.subspan(i)), buffer.name));
  }
  return absl::OkStatus();
}

absl::StatusOr<ControlBlock> ControlBlock::Create(const artifact::ArtifactInfo& info) {
  ControlBlock block(info.control);
  block.bytes_.resize(info.region_bytes[static_cast<int>(hal::Region::kControl)]);
  for (const artifact::NamedBuffer& value : info.control) {
    HYDRA_RETURN_IF_ERROR(FillInitial(
        value, absl::MakeSpan(block.bytes_).subspan(value.ref.offset, value.ref.bytes)));
  }
  return block;
}

std::optional<size_t> ControlBlock::Find(absl::string_view name) const {
  for (size_t i = 0; i < values_->size(); ++i) {
    if ((*values_)[i].name == name) return i;
  }
  return std::nullopt;
}

void ControlBlock::Set(size_t index, double value) {
  const artifact::NamedBuffer& buffer = (*values_)[index];
  const absl::Span<uint8_t> target =
      absl::MakeSpan(bytes_).subspan(buffer.ref.offset, buffer.ref.bytes);
  const uint64_t element = hal::ElementBytes(buffer.type);
  for (uint64_t i = 0; i + element <= target.size(); i += element) {
    // Create refused the types that cannot be stored.
    StoreScalar(buffer.type, value, target.subspan(i)).IgnoreError();
  }
}

bool ControlBlock::Set(absl::string_view name, double value) {
  const std::optional<size_t> index = Find(name);
  if (index) Set(*index, value);
  return index.has_value();
}

}  // namespace hydra
