#include "frontend/ParseHints.h"

#include "dialects/hydra/HydraDialect.h"
#include "mlir/IR/Location.h"
#include "runtime/base/did_you_mean.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Regex.h"

using namespace mlir;
using namespace mlir::hydra;

// The text from (line, column) on, both counted from 1, and what stands before it on its line.
static std::pair<StringRef, StringRef> splitAt(StringRef text, unsigned line, unsigned column) {
  for (; line > 1; --line)
    text = text.split('\n').second;
  StringRef current = text.split('\n').first;
  size_t place = std::min<size_t>(column > 0 ? column - 1 : 0, current.size());
  return {current.take_front(place), current.drop_front(place)};
}

// Behind "expected '}' in attribute dictionary".
static std::string dictionaryHint(StringRef before, StringRef after) {
  StringRef word = before.rtrim();
  word = word.take_back(word.size() - (word.find_last_of(" {,=(") + 1));
  if ((after.starts_with("e") || after.starts_with("E")) && !before.empty() &&
      llvm::isDigit(before.back()))
    return "a number with an exponent needs a point: write " + word.str() + ".0" +
           after.take_until([](char c) { return c == ' ' || c == ',' || c == '}'; }).str();
  if (after.starts_with(":"))
    return "an attribute is written NAME = VALUE: " + word.str() + " =" +
           after.drop_front().take_until([](char c) { return c == ',' || c == '}'; }).str();
  return "attributes are written {NAME = VALUE, NAME = VALUE}";
}

// Behind "attribute 'NAME' failed to satisfy constraint: KIND".
static std::string kindHint(StringRef name, StringRef kind) {
  if (kind.starts_with("64-bit float"))
    return ("write " + name + " as a decimal number with a point and without a type, for example " +
            name + " = 1.0")
        .str();
  if (kind.contains("integer"))
    return ("write " + name + " as a whole number without a type, for example " + name + " = 8")
        .str();
  if (kind.starts_with("bool"))
    return ("write " + name + " = true or " + name + " = false").str();
  if (kind.starts_with("string"))
    return ("write " + name + " in quotes, for example " + name + " = \"norm\"").str();
  return "";
}

static std::string unknownOpHint(StringRef found, MLIRContext &context) {
  std::vector<std::string> names;
  for (RegisteredOperationName name : context.getRegisteredOperationsByDialect("hydra"))
    names.push_back(name.getStringRef().str());
  std::string nearest = ::hydra::DidYouMeanAmong(found.str(), names);
  return "the ops of a spec begin with hydra. and are listed in the dialect reference" + nearest;
}

ParseHints::ParseHints(StringRef text, StringRef source, MLIRContext &context)
    : text(text), source(source), context(context), handler(&context, [this](Diagnostic &error) {
        auto place = dyn_cast<FileLineColLoc>(error.getLocation());
        if (error.getSeverity() == DiagnosticSeverity::Error && place &&
            place.getFilename() == this->source)
          if (std::string note = hint(error.str(), place.getLine(), place.getColumn());
              !note.empty())
            error.attachNote() << note;
        return failure();
      }) {}

std::string ParseHints::hint(const std::string &message, unsigned line, unsigned column) const {
  auto [before, after] = splitAt(text, line, column);
  SmallVector<StringRef> parts;
  if (StringRef(message).contains("expected '}' in attribute dictionary"))
    return dictionaryHint(before, after);
  if (llvm::Regex("attribute '([^']*)' failed to satisfy constraint: (.*)").match(message, &parts))
    return kindHint(parts[1], parts[2]);
  if (llvm::Regex("requires attribute '([^']*)'").match(message, &parts))
    return ("add it to the attributes: {" + parts[1] + " = ...}").str();
  if (llvm::Regex("custom op '([^']*)' is unknown").match(message, &parts))
    return unknownOpHint(parts[1], context);
  if (StringRef(message).contains("invalid kind of attribute specified"))
    return "expected a text in quotes here, for example \"norm1\", or a whole number, in front of "
           "the attributes in braces";
  if (StringRef(message).contains("undeclared SSA value name"))
    return "a value is used below the line that defines it, and inside the same braces";
  if (StringRef(message).contains("expected operation name in quotes") && after.trim().empty())
    return "the text ends here; is a closing } missing?";
  return "";
}
