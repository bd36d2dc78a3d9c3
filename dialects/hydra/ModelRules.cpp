#include "dialects/hydra/ModelRules.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

using namespace mlir::hydra;

namespace {

struct NamedRule {
  llvm::StringLiteral name;
  bool ModelRules::*corrected;
};

constexpr NamedRule kRules[] = {
    {"Q1", &ModelRules::ponderStep},      {"Q3", &ModelRules::depthGradient},
    {"Q4", &ModelRules::selectedWeight},  {"Q5", &ModelRules::softSkips},
    {"Q10", &ModelRules::allPasses},      {"Q12", &ModelRules::baselineBefore},
    {"Q13", &ModelRules::smallExperts},   {"Q14", &ModelRules::expertCapacity},
    {"Q21", &ModelRules::causalSelection}};

} // namespace

std::optional<ModelRules> ModelRules::parse(llvm::StringRef text) {
  ModelRules rules;
  if (text == "pytorch")
    return rules;
  llvm::SmallVector<llvm::StringRef> names;
  text.split(names, ',');
  for (const NamedRule &rule : kRules)
    if (text == "corrected" || llvm::is_contained(names, rule.name))
      rules.*rule.corrected = true;
  if (text == "corrected")
    return rules;
  for (llvm::StringRef name : names)
    if (llvm::none_of(kRules, [&](const NamedRule &rule) { return rule.name == name; }))
      return std::nullopt;
  return rules;
}

llvm::StringRef ModelRules::expected() {
  return "\"pytorch\", \"corrected\" or some of Q1, Q3, Q4, Q5, Q10, Q12, Q13, Q14, Q21, as "
         "\"Q4,Q10\"";
}
