#include "runtime/exec/typed_view.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/base/command_check.h"
#include "runtime/base/status.h"

namespace hydra {

absl::StatusOr<const artifact::NamedBuffer*> FindBuffer(
    const std::vector<artifact::NamedBuffer>& buffers, absl::string_view name,
    absl::string_view what) {
  for (const artifact::NamedBuffer& buffer : buffers) {
    if (buffer.name == name) return &buffer;
  }
  std::string present;
  for (const artifact::NamedBuffer& buffer : buffers) {
    // Thousands of names would help nobody.
    if (present.size() < 200) absl::StrAppend(&present, present.empty() ? "" : ", ", buffer.name);
  }
  return InputError(absl::StrCat("there is no ", what, " named '", name,
                                 "'; present: ", present.empty() ? "none" : present));
}

absl::Status CheckType(const artifact::NamedBuffer& buffer, hal::ElementType type) {
  if (buffer.type == type) return absl::OkStatus();
  return FailureError(absl::StrCat(buffer.name, " holds ", hal::ElementTypeName(buffer.type),
                                   ", asked for ", hal::ElementTypeName(type)));
}

absl::Status CheckSize(const artifact::NamedBuffer& buffer, uint64_t elements) {
  if (buffer.elements() == elements) return absl::OkStatus();
  return InputError(absl::StrCat(buffer.name, " has ", buffer.elements(), " elements, found ",
                                 elements, " values"));
}

}  // namespace hydra
