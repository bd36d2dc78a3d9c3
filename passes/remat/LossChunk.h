// How many rows of logits exist at once. The one place that decides it.
#ifndef HYDRA_PASSES_REMAT_LOSSCHUNK_H
#define HYDRA_PASSES_REMAT_LOSSCHUNK_H

#include <cstdint>

namespace mlir::hydra {

// Rows of a chunk of [rows, vocabulary] float32 logits; `rows` if they stay whole. From the shape
// alone, never from a machine.
//
// Every chunk reads and writes the gradient of the head's weight [vocabulary, width] once more,
// while its products do three multiply-adds per row and element of it: a chunk has at least
// kLeastRows rows, and there are at most kMostChunks. Chunks are as even as multiples of kRowGrain
// allow. Logits of up to kWholeBytes stay whole.
int64_t chooseLossChunk(int64_t rows, int64_t vocabulary);

// The same for chunks of at most `wanted` rows.
int64_t evenLossChunk(int64_t rows, int64_t wanted);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_REMAT_LOSSCHUNK_H
