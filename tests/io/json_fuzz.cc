// Fuzz entry of the JSON reader: walks every value of what was accepted.
#include <cstdlib>

#include "runtime/io/json_file.h"
#include "tests/io/fuzz_entries.h"

namespace hydra {
namespace {

size_t Walk(const JsonView& value) {
  size_t visited = 1;
  if (value.Where().empty() || value.Describe().empty()) std::abort();
  if (const auto elements = value.Array(); elements.ok()) {
    for (const JsonView& element : *elements) visited += Walk(element);
  }
  if (const auto members = value.Object(); members.ok()) {
    for (const auto& [key, member] : *members) {
      if (!value.Find(key)) std::abort();
      visited += Walk(member);
    }
  }
  // Exactly one of the scalar readers may succeed, apart from Double() on integers.
  const int readers = value.Bool().ok() + value.String().ok() + value.Double().ok() +
                      value.is_null() + value.is_array() + value.is_object();
  if (readers != 1) std::abort();
  return visited;
}

}  // namespace

bool Fuzz_json(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<JsonDocument> document = JsonDocument::Parse(text, "fuzz.json");
  return document.ok() && Walk(document->root()) > 0;
}

}  // namespace hydra
