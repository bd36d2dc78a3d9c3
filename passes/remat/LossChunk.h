// How many rows of logits exist at once. The one place that decides it.
#ifndef HYDRA_PASSES_REMAT_LOSSCHUNK_H
#define HYDRA_PASSES_REMAT_LOSSCHUNK_H

#include <cstdint>

namespace mlir::hydra {

// Rows of a chunk of [rows, vocabulary] float32 logits; `rows` if they stay whole. From the shape
// alone, never from a machine.
//
// Every chunk reads and writes the gradient of the head's weight [vocabulary, width] once and reads
// the weight twice, while its products do 3 rows multiply-adds per element: below kLeastRows that
// traffic shows (docs/rationale/memory.md has the measurement). Chunks are as even as multiples of
// kRowGrain allow. Logits of up to kWholeBytes stay whole.
int64_t chooseLossChunk(int64_t rows, int64_t vocabulary);

// The same for chunks of at most `wanted` rows.
int64_t evenLossChunk(int64_t rows, int64_t wanted);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_REMAT_LOSSCHUNK_H
