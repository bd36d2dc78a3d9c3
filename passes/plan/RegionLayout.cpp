#include "passes/plan/RegionLayout.h"

#include "passes/plan/ArenaAllocator.h"

using namespace mlir;
using namespace mlir::plan;
using hydra::BindingAttr;
using hydra::BindingKind;

int64_t mlir::plan::bytesOf(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return tensor.getNumElements() * (tensor.getElementTypeBitWidth() / 8);
}

static BindingAttr defaultBinding(MLIRContext *context, BindingKind kind, StringRef prefix,
                                  unsigned index) {
  return BindingAttr::get(context, kind, StringAttr::get(context, prefix + Twine(index)));
}

BindingAttr mlir::plan::argumentBinding(func::FuncOp function, unsigned index) {
  if (auto binding = function.getArgAttrOfType<BindingAttr>(index, hydra::kBindingAttrName))
    return binding;
  return defaultBinding(function.getContext(), BindingKind::input, "arg", index);
}

BindingAttr mlir::plan::resultBinding(func::FuncOp function, unsigned index) {
  if (auto binding = function.getResultAttrOfType<BindingAttr>(index, hydra::kBindingAttrName))
    return binding;
  return defaultBinding(function.getContext(), BindingKind::output, "result", index);
}

RefAttr RegionSizes::append(MLIRContext *context, plan::Region region, int64_t bytes) {
  int64_t &size = sizes[static_cast<size_t>(region)];
  RefAttr ref = RefAttr::get(context, region, size, bytes);
  size += alignUp(bytes);
  return ref;
}

void RegionSizes::atLeast(plan::Region region, int64_t bytes) {
  int64_t &size = sizes[static_cast<size_t>(region)];
  size = std::max(size, bytes);
}

// The region of a shared binding; nullopt for inputs and outputs, which belong to an entry.
static std::optional<plan::Region> sharedRegion(BindingKind kind) {
  switch (kind) {
  case BindingKind::parameter:
    return plan::Region::parameters;
  case BindingKind::gradient:
    return plan::Region::gradients;
  case BindingKind::optimizer:
    return plan::Region::optimizer;
  case BindingKind::control:
    return plan::Region::control;
  case BindingKind::control_state:
    return plan::Region::control_state;
  case BindingKind::cache:
    return plan::Region::cache;
  case BindingKind::derived:
    return plan::Region::derived;
  case BindingKind::input:
  case BindingKind::output:
    return std::nullopt;
  }
  return std::nullopt;
}

FailureOr<SharedLayout> SharedLayout::create(ModuleOp module, RegionSizes &sizes) {
  SharedLayout layout;
  MLIRContext *context = module.getContext();
  for (auto param : module.getOps<hydra::ParamOp>())
    if (failed(layout.add(param.getLoc(),
                          BindingAttr::get(context, BindingKind::parameter, param.getSymNameAttr()),
                          param.getType(), nullptr)))
      return failure();
  for (auto function : module.getOps<func::FuncOp>()) {
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      auto initial = function.getArgAttrOfType<FloatAttr>(i, hydra::kInitialAttrName);
      if (initial)
        initial = FloatAttr::get(Float64Type::get(context), initial.getValueAsDouble());
      if (failed(layout.add(function.getArgument(i).getLoc(), argumentBinding(function, i),
                            function.getArgumentTypes()[i], initial)))
        return failure();
    }
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      if (failed(layout.add(function.getLoc(), resultBinding(function, i),
                            function.getResultTypes()[i], nullptr)))
        return failure();
  }
  layout.place(context, module, sizes);
  return layout;
}

LogicalResult SharedLayout::add(Location location, BindingAttr binding, Type type,
                                FloatAttr initial) {
  if (!sharedRegion(binding.getKind()))
    return success();
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape())
    return emitError(location) << "expected a tensor of static shape for " << binding << ", found "
                               << type;
  NamedPlace &buffer = buffers[binding];
  if (buffer.type && buffer.type != tensor)
    return emitError(location) << "expected type " << buffer.type << " for " << binding
                               << " as elsewhere in the module, found " << tensor;
  if (buffer.initial && initial && buffer.initial != initial)
    return emitError(location) << "expected initial value " << buffer.initial << " for " << binding
                               << " as elsewhere in the module, found " << initial;
  buffer.binding = binding;
  buffer.type = tensor;
  if (initial)
    buffer.initial = initial;
  return success();
}

void SharedLayout::place(MLIRContext *context, ModuleOp module, RegionSizes &sizes) {
  auto placeOne = [&](NamedPlace &buffer) {
    if (!buffer.place)
      buffer.place =
          sizes.append(context, *sharedRegion(buffer.binding.getKind()), bytesOf(buffer.type));
  };
  auto placeNamed = [&](BindingKind kind, const Twine &name) {
    auto found = buffers.find(BindingAttr::get(context, kind, StringAttr::get(context, name)));
    if (found != buffers.end())
      placeOne(found->second);
  };
  // What belongs to parameters follows the parameter table, so that neighbours there are neighbours
  // here.
  for (auto param : module.getOps<hydra::ParamOp>()) {
    placeNamed(BindingKind::parameter, param.getSymName());
    placeNamed(BindingKind::gradient, param.getSymName());
    placeNamed(BindingKind::optimizer, hydra::kFirstMomentPrefix + param.getSymName());
    placeNamed(BindingKind::optimizer, hydra::kSecondMomentPrefix + param.getSymName());
  }
  for (auto &entry : buffers)
    placeOne(entry.second);
}

void SharedLayout::emit(OpBuilder &builder, Location location) const {
  SmallVector<NamedPlace> sorted;
  for (const auto &entry : buffers)
    sorted.push_back(entry.second);
  llvm::sort(sorted, [](const NamedPlace &a, const NamedPlace &b) {
    return std::make_pair(a.place.getRegion(), a.place.getOffset()) <
           std::make_pair(b.place.getRegion(), b.place.getOffset());
  });
  for (const NamedPlace &buffer : sorted)
    BufferOp::create(builder, location, buffer.binding, buffer.place, TypeAttr::get(buffer.type),
                     buffer.initial, buffer.reduce);
}

RefAttr ConstantPool::add(ElementsAttr value) {
  RefAttr &known = byAttribute[value];
  if (known)
    return known;
  int64_t bytes = bytesOf(value.getShapedType());
  // A splat is its element and its size; other contents are compared byte by byte.
  std::string content;
  if (auto dense = dyn_cast<DenseElementsAttr>(value)) {
    ArrayRef<char> raw = dense.getRawData();
    content.assign(raw.data(), raw.size());
    if (dense.isSplat())
      content += "/splat";
  } else {
    llvm::raw_string_ostream(content) << value;
  }
  content += "/" + std::to_string(bytes);
  RefAttr &place = byContent[content];
  if (!place) {
    place = sizes.append(value.getContext(), plan::Region::constants, bytes);
    constants.push_back({place, value});
  }
  return known = place;
}

void ConstantPool::emit(OpBuilder &builder, Location location) const {
  for (auto [place, value] : constants)
    ConstantOp::create(builder, location, place, value);
}
