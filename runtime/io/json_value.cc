#include "runtime/io/json_value.h"

#include <charconv>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "runtime/io/json_tree.h"

namespace hydra {
namespace {

void WriteText(absl::string_view value, std::string& text) {
  text += '"';
  for (size_t at = 0; at < value.size();) {
    const unsigned char c = static_cast<unsigned char>(value[at]);
    const size_t length = Utf8Length(value.substr(at));
    if (length == 0) {
      text += "\xEF\xBF\xBD";  // U+FFFD
    } else if (c == '"' || c == '\\') {
      text += '\\';
      text += value[at];
    } else if (c == '\n') {
      text += "\\n";
    } else if (c == '\t') {
      text += "\\t";
    } else if (c == '\r') {
      text += "\\r";
    } else if (c < 0x20 || c == 0x7F) {
      absl::StrAppend(&text, "\\u00", absl::Hex(c, absl::kZeroPad2));
    } else {
      text.append(value.data() + at, length);
    }
    at += length == 0 ? 1 : length;
  }
  text += '"';
}

std::string NumberText(double value) {
  char digits[64];
  std::string text(digits, std::to_chars(digits, digits + sizeof(digits), value).ptr);
  // A reader tells numbers from integers by their form.
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

}  // namespace

JsonValue::JsonValue(double value) {
  if (std::isfinite(value)) value_ = value;
}

JsonValue::JsonValue(std::initializer_list<JsonMember> members) : value_(Object(members)) {}

JsonValue JsonValue::array() {
  JsonValue value;
  value.value_ = Array();
  return value;
}

JsonValue JsonValue::object() {
  JsonValue value;
  value.value_ = Object();
  return value;
}

void JsonValue::push_back(JsonValue element) {
  std::get<Array>(value_).push_back(std::move(element));
}

JsonValue& JsonValue::operator[](absl::string_view key) {
  Object& members = std::get<Object>(value_);
  for (auto& [name, value] : members) {
    if (name == key) return value;
  }
  return members.emplace_back(std::string(key), JsonValue()).second;
}

size_t JsonValue::size() const {
  if (const auto* array = std::get_if<Array>(&value_)) return array->size();
  if (const auto* object = std::get_if<Object>(&value_)) return object->size();
  return 0;
}

void JsonValue::Write(int indent, int depth, std::string& text) const {
  const auto line = [&](int level) {
    if (indent < 0) return;
    text += '\n';
    text.append(static_cast<size_t>(indent) * static_cast<size_t>(level), ' ');
  };
  if (const auto* array = std::get_if<Array>(&value_); array != nullptr) {
    text += '[';
    for (size_t i = 0; i < array->size(); ++i) {
      if (i > 0) text += ',';
      line(depth + 1);
      (*array)[i].Write(indent, depth + 1, text);
    }
    if (!array->empty()) line(depth);
    text += ']';
  } else if (const auto* object = std::get_if<Object>(&value_); object != nullptr) {
    text += '{';
    for (size_t i = 0; i < object->size(); ++i) {
      if (i > 0) text += ',';
      line(depth + 1);
      WriteText((*object)[i].first, text);
      text += indent < 0 ? ":" : ": ";
      (*object)[i].second.Write(indent, depth + 1, text);
    }
    if (!object->empty()) line(depth);
    text += '}';
  } else if (const auto* words = std::get_if<std::string>(&value_)) {
    WriteText(*words, text);
  } else if (const auto* number = std::get_if<double>(&value_)) {
    text += NumberText(*number);
  } else if (const auto* integer = std::get_if<int64_t>(&value_)) {
    absl::StrAppend(&text, *integer);
  } else if (const auto* whole = std::get_if<uint64_t>(&value_)) {
    absl::StrAppend(&text, *whole);
  } else if (const auto* truth = std::get_if<bool>(&value_)) {
    text += *truth ? "true" : "false";
  } else {
    text += "null";
  }
}

std::string JsonValue::Dump(int indent) const {
  std::string text;
  Write(indent, 0, text);
  return text;
}

JsonValue CopyOf(const JsonView& view) {
  switch (view.kind()) {
    case JsonKind::kBool:
      return view.Bool().value_or(false);
    case JsonKind::kInteger:
      return view.Int().value_or(0);
    case JsonKind::kUnsigned:
      return view.Uint().value_or(0);
    case JsonKind::kNumber:
      return view.Double().value_or(0);
    case JsonKind::kString:
      return view.String().value_or("");
    case JsonKind::kArray: {
      JsonValue list = JsonValue::array();
      if (const auto elements = view.Array(); elements.ok()) {
        for (const JsonView& element : *elements) list.push_back(CopyOf(element));
      }
      return list;
    }
    case JsonKind::kObject: {
      JsonValue object = JsonValue::object();
      if (const auto members = view.Object(); members.ok()) {
        for (const auto& [key, value] : *members) object[key] = CopyOf(value);
      }
      return object;
    }
    case JsonKind::kNull:
      break;
  }
  return nullptr;
}

}  // namespace hydra
