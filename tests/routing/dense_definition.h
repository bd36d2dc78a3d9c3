// The definition of a routed block as a program without routing: every pass and every expert on
// every token, multiplied by masks (model.md 7-9).
#ifndef HYDRA_TESTS_ROUTING_DENSE_DEFINITION_H
#define HYDRA_TESTS_ROUTING_DENSE_DEFINITION_H

#include <cstdint>
#include <string>

namespace mlir::hydra {

// Three blocks without attention on a stream [batch, sequence, width]; the inner one has depth
// routing, and experts behind it.
struct RoutedSizes {
  int64_t batch = 2, sequence = 5, width = 4, hidden = 3, passes = 3, minDepth = 0;
  int64_t experts = 2, choices = 1;
  double capacity = 0.5;
  int64_t selected = 2;  // tokens per sequence that `capacity` amounts to
};

// Function @f(x) with structural ops, to be routed and lowered; its parameters become arguments.
std::string structuralText(const RoutedSizes& sizes);
// Function @f(x, parameters) of dense primitives, with the bindings of the lowered one.
std::string denseText(const RoutedSizes& sizes);

}  // namespace mlir::hydra

#endif  // HYDRA_TESTS_ROUTING_DENSE_DEFINITION_H
