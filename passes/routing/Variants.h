// The variants of a model: what changes its program over a curriculum. Private to this folder.
#ifndef HYDRA_PASSES_ROUTING_VARIANTS_H
#define HYDRA_PASSES_ROUTING_VARIANTS_H

#include "dialects/hydra/RoutingModes.h"
#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace mlir::hydra {

/// One program of a model. Everything else about a phase is a control value.
struct Variant {
  enum class Depth { fixed, blend, adaptive };

  Depth depth = Depth::fixed; // of adaptive recursions
  bool selects = false;       // depth routing selects tokens
  bool forced = false;        // experts are chosen by position or by the batch

  /// "fixed", "blend" or "adaptive", then "_mod" and "_forced" where they hold.
  std::string name() const;
};

/// What a routing mode makes of the structural ops. Where `depths` or `selects` is false, a variant
/// has no say in it.
struct RoutingMode {
  bool depths = false;  // recursions follow Variant::depth
  bool selects = false; // depth routing follows Variant::selects
  bool forces = false;  // experts follow Variant::forced
  RecursionMode blend = RecursionMode::fixed;
  RecursionMode adaptive = RecursionMode::fixed;
  DepthRoutingMode idle = DepthRoutingMode::disabled;
  DepthRoutingMode active = DepthRoutingMode::disabled;
};

/// Replaces a hydra.model by one copy per variant, with the mode of every routing op written out
/// and `hydra.entry<"", 0 x 0, VARIANT>` on the copy; only those named in `wanted`, all if it is
/// empty. Ordinary functions are routed in place, with everything on. Returns the number of copies.
/// Fails with a diagnostic for a name in `wanted` that the model has no variant of.
FailureOr<int64_t> applyRouting(ModuleOp module, const RoutingMode &mode,
                                ArrayRef<std::string> wanted);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_ROUTING_VARIANTS_H
