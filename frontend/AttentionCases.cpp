// Attention modules on their own, as the golden file of attention switches states them.
#include "frontend/ConfigReader.h"
#include "frontend/ConfigToModel.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

struct AttentionCase {
  std::string prefix;
  int64_t batch = 2;
  int64_t seq = 0;
  AttentionConfig attention;
};

absl::StatusOr<AttentionCase> readCase(::hydra::JsonView object) {
  AttentionCase result;
  ConfigReader reader(object);
  reader.text("prefix", result.prefix);
  reader.integer("batch", result.batch, 1, int64_t(1) << 20);
  reader.integer("seq", result.seq, 1, int64_t(1) << 24);
  readAttention(reader, result.attention);
  reader.require("prefix");
  reader.require("seq");
  HYDRA_RETURN_IF_ERROR(reader.finish());
  return result;
}

void appendCase(ModuleOp module, const AttentionCase &item, StringRef symbol, Location location) {
  auto builder = OpBuilder::atBlockEnd(module.getBody());
  auto type =
      RankedTensorType::get({item.batch, item.seq, item.attention.dim}, builder.getF32Type());
  auto function =
      func::FuncOp::create(builder, location, symbol, builder.getFunctionType({type}, {type}));
  auto binding = [&](BindingKind kind, StringRef name) {
    return BindingAttr::get(builder.getContext(), kind, builder.getStringAttr(name));
  };
  function->setAttr(kVjpAttrName, builder.getUnitAttr());
  function.setArgAttr(0, kBindingAttrName, binding(BindingKind::input, "x"));
  function.setResultAttr(0, kBindingAttrName, binding(BindingKind::output, "y"));
  builder.setInsertionPointToEnd(function.addEntryBlock());
  Value y = createAttention(builder, location, function.getArgument(0), "", item.attention);
  func::ReturnOp::create(builder, location, y);
}

} // namespace

absl::Status mlir::hydra::appendAttentionCases(ModuleOp module, ::hydra::JsonView cases,
                                               const SourceMap &source) {
  HYDRA_ASSIGN_OR_RETURN(std::vector<::hydra::JsonView> list, cases.Array());
  if (list.empty())
    return cases.Expected("at least one case");
  for (::hydra::JsonView view : list) {
    HYDRA_ASSIGN_OR_RETURN(AttentionCase item, readCase(view));
    std::string symbol = "attention_" + StringRef(item.prefix).rtrim('.').str();
    if (module.lookupSymbol(symbol))
      return view.Error(absl::StrCat("two cases have the prefix \"", item.prefix, "\""));
    appendCase(module, item, symbol, source.location(view.offset()));
  }
  return absl::OkStatus();
}
