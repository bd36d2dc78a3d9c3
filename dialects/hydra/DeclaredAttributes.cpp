// Attributes of hydra ops: undeclared ones are refused with the nearest declared name, numbers must
// be finite and texts printable. A misspelt attribute would otherwise leave its default in force.
#include "dialects/hydra/RoutingModes.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::hydra;

// Whether two neighbouring letters changed places, which counts as one edit.
static bool isSwap(StringRef a, StringRef b) {
  if (a.size() != b.size())
    return false;
  size_t i = 0;
  while (i < a.size() && a[i] == b[i])
    ++i;
  return i + 1 < a.size() && a[i] == b[i + 1] && a[i + 1] == b[i] &&
         a.drop_front(i + 2) == b.drop_front(i + 2);
}

// "; did you mean 'NEAREST'?", or "" when nothing is near: the rule of runtime/base/did_you_mean.h,
// which this folder may not include.
static std::string didYouMean(StringRef name, ArrayRef<StringRef> candidates) {
  StringRef best;
  unsigned bestDistance = 0;
  for (StringRef candidate : candidates) {
    auto limit = static_cast<unsigned>(std::max(name.size(), candidate.size()) / 3);
    unsigned distance = isSwap(name, candidate)
                            ? 1
                            : name.edit_distance(candidate, /*AllowReplacements=*/true, limit + 1);
    if (distance <= std::max(1U, limit) && (best.empty() || distance < bestDistance)) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best.empty() ? "" : ("; did you mean '" + best + "'?").str();
}

// Names beside the op's own: MLIR keeps the sizes of operand groups as an attribute.
static bool isBookkeeping(StringRef name) {
  return name == "operandSegmentSizes" || name == "resultSegmentSizes";
}

static LogicalResult refuseUndeclared(Operation *op, StringRef name) {
  SmallVector<StringRef> declared;
  for (StringAttr attribute : op->getName().getAttributeNames())
    if (!isBookkeeping(attribute))
      declared.push_back(attribute);
  if (declared.empty())
    return op->emitOpError("expected no attributes, found '") << name << "'; remove it";
  return op->emitOpError("expected no attributes but ")
         << llvm::join(declared, ", ") << ", found '" << name << "'" << didYouMean(name, declared);
}

static bool isPrintable(StringRef text) {
  return llvm::none_of(text,
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

static LogicalResult verifyText(function_ref<InFlightDiagnostic()> emitError, StringRef what,
                                StringRef text) {
  if (isPrintable(text))
    return success();
  std::string shown;
  llvm::raw_string_ostream stream(shown);
  llvm::printEscapedString(text.take_front(64), stream);
  return emitError() << "expected a " << what << " without control characters, found \"" << shown
                     << "\"";
}

static LogicalResult verifyValue(Operation *op, StringRef name, Attribute value) {
  if (auto number = dyn_cast<FloatAttr>(value); number && !number.getValue().isFinite())
    return op->emitOpError("expected a finite ") << name << ", found " << number.getValueAsDouble();
  if (auto text = dyn_cast<StringAttr>(value))
    return verifyText([&] { return op->emitOpError(); }, name, text);
  if (auto list = dyn_cast<ArrayAttr>(value))
    for (Attribute element : list)
      if (failed(verifyValue(op, name, element)))
        return failure();
  return success();
}

LogicalResult mlir::hydra::verifyDeclaredAttributes(Operation *op) {
  for (NamedAttribute attribute : op->getDiscardableAttrs())
    if (!attribute.getName().getValue().contains('.'))
      return refuseUndeclared(op, attribute.getName());
  for (StringAttr name : op->getName().getAttributeNames())
    if (std::optional<Attribute> value = op->getInherentAttr(name); value && *value)
      if (failed(verifyValue(op, name, *value)))
        return failure();
  return success();
}

// What carries a dialect prefix is checked by its dialect.
static LogicalResult verifyHydraAttribute(Operation *op, NamedAttribute attribute) {
  StringRef name = attribute.getName();
  if (!llvm::is_contained(kHydraAttrNames, name)) {
    SmallVector<StringRef> known(std::begin(kHydraAttrNames), std::end(kHydraAttrNames));
    return op->emitOpError("expected one of the attributes ")
           << llvm::join(known, ", ") << ", found '" << name << "'" << didYouMean(name, known);
  }
  if (name == kRoutingAttrName) {
    ArrayRef<llvm::StringLiteral> modes = routingModesOf(op);
    auto mode = dyn_cast<StringAttr>(attribute.getValue());
    if (!mode || !llvm::is_contained(modes, mode.getValue()))
      return op->emitOpError("expected hydra.routing = one of ")
             << llvm::join(modes, ", ") << ", found " << attribute.getValue();
  }
  return verifyValue(op, name, attribute.getValue());
}

LogicalResult HydraDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  return verifyHydraAttribute(op, attribute);
}
LogicalResult HydraDialect::verifyRegionArgAttribute(Operation *op, unsigned, unsigned,
                                                     NamedAttribute attribute) {
  return verifyHydraAttribute(op, attribute);
}
LogicalResult HydraDialect::verifyRegionResultAttribute(Operation *op, unsigned, unsigned,
                                                        NamedAttribute attribute) {
  return verifyHydraAttribute(op, attribute);
}

LogicalResult BindingAttr::verify(function_ref<InFlightDiagnostic()> emitError, BindingKind,
                                  StringAttr name) {
  return verifyText(emitError, "name", name);
}

LogicalResult EntryAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringAttr name,
                                int64_t, int64_t, StringAttr variant) {
  if (failed(verifyText(emitError, "name", name)))
    return failure();
  return verifyText(emitError, "variant", variant);
}
