// JSON to be written: values that are built by hand and printed. For reading see json_file.h.
#ifndef HYDRA_RUNTIME_IO_JSON_VALUE_H_
#define HYDRA_RUNTIME_IO_JSON_VALUE_H_

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"

namespace hydra {

class JsonView;  // runtime/io/json_file.h
class JsonValue;
using JsonMember = std::pair<std::string, JsonValue>;

// Null, a boolean, a number, a text, an array, or an object whose members keep their order. A
// value type; JsonValue{{"step", 3}, {"loss", 1.5}} is an object.
class JsonValue {
 public:
  JsonValue() = default;
  JsonValue(std::nullptr_t) {}
  JsonValue(bool value) : value_(value) {}
  template <std::signed_integral T>
  JsonValue(T value) : value_(static_cast<int64_t>(value)) {}
  template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>)
  JsonValue(T value) : value_(static_cast<uint64_t>(value)) {}
  // JSON has no other numbers than finite ones: NaN and infinities become null.
  JsonValue(double value);
  JsonValue(const char* text) : value_(std::string(text)) {}
  JsonValue(std::string text) : value_(std::move(text)) {}
  JsonValue(absl::string_view text) : value_(std::string(text)) {}
  JsonValue(std::initializer_list<JsonMember> members);
  template <typename T>
  JsonValue(const std::vector<T>& elements) : JsonValue(array()) {
    for (const T& element : elements) push_back(JsonValue(element));
  }
  template <typename T>
  JsonValue(const std::map<std::string, T>& members) : JsonValue(object()) {
    for (const auto& [key, value] : members) (*this)[key] = JsonValue(value);
  }

  static JsonValue array();
  static JsonValue object();

  // Of an array.
  void push_back(JsonValue element);
  // Of an object; added as null if it is absent.
  JsonValue& operator[](absl::string_view key);
  // Elements or members; 0 of anything else.
  size_t size() const;
  bool empty() const { return size() == 0; }

  // As text: `indent` spaces for each level, or everything on one line. Numbers are the shortest
  // text that reads back as the same value; what is no UTF-8 becomes U+FFFD.
  std::string Dump(int indent = -1) const;

 private:
  using Array = std::vector<JsonValue>;
  using Object = std::vector<JsonMember>;

  void Write(int indent, int depth, std::string& text) const;

  std::variant<std::nullptr_t, bool, int64_t, uint64_t, double, std::string, Array, Object> value_ =
      nullptr;
};

// What was read, to be written again.
JsonValue CopyOf(const JsonView& view);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_IO_JSON_VALUE_H_
