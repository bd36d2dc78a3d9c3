#include "runtime/exec/typed_view.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/base/command_check.h"
#include "runtime/base/status.h"

namespace hydra {

namespace {

using artifact::NamedBuffer;

absl::StatusOr<const NamedBuffer*> FindNamed(absl::Span<const NamedBuffer* const> buffers,
                                             absl::string_view name, absl::string_view what) {
  std::string present;
  for (const NamedBuffer* buffer : buffers) {
    if (buffer->name == name) return buffer;
    // Thousands of names would help nobody.
    if (present.size() < 200) absl::StrAppend(&present, present.empty() ? "" : ", ", buffer->name);
  }
  return InputError(absl::StrCat("there is no ", what, " named '", name,
                                 "'; present: ", present.empty() ? "none" : present));
}

}  // namespace

absl::StatusOr<const NamedBuffer*> FindBuffer(const std::vector<NamedBuffer>& buffers,
                                              absl::string_view name, absl::string_view what) {
  std::vector<const NamedBuffer*> list;
  for (const NamedBuffer& buffer : buffers) list.push_back(&buffer);
  return FindNamed(list, name, what);
}

absl::StatusOr<const NamedBuffer*> FindResult(const artifact::EntryInfo& entry,
                                              absl::string_view name) {
  return FindNamed(entry.Results(), name, "output");
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
