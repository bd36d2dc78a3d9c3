// What generation needs of a loaded model. The executor implements it (executor_decode_engine.h);
// tests use a model of a few lines.
#ifndef HYDRA_RUNTIME_GENERATE_DECODE_ENGINE_H_
#define HYDRA_RUNTIME_GENERATE_DECODE_ENGINE_H_

#include <cstdint>

#include "absl/types/span.h"
#include "runtime/base/status.h"
#include "runtime/generate/sampling.h"

namespace hydra::generate {

// The next tokens of one sequence.
struct SequenceStep {
  int64_t row = 0;                   // 0 .. rows() - 1; each at most once in an Extend
  absl::Span<const int32_t> tokens;  // 1 .. largest_chunk()
  int64_t position = 0;              // tokens of the sequence so far; 0 begins another one
  uint64_t seed = 0;                 // random numbers are keyed by seed,
  uint32_t sequence = 0;             // sequence and position, not by row
};

// rows() sequences and their state (model.md 16). Not thread-safe.
class DecodeEngine {
 public:
  virtual ~DecodeEngine() = default;

  virtual int64_t vocab_size() const = 0;
  // Sequences that are decoded at once.
  virtual int64_t rows() const = 0;
  // Positions that fit in the state of a sequence.
  virtual int64_t cache_len() const = 0;
  // Positions that the model was made for; no cache can be longer.
  virtual int64_t max_seq_len() const = 0;
  // The most tokens of one SequenceStep.
  virtual int64_t largest_chunk() const = 0;

  // From now on: how tokens are chosen, among the first `vocabulary` ids. The seed is not read.
  virtual absl::Status SetSampling(const SamplingOptions& options, int64_t vocabulary) = 0;

  // Appends to every sequence of `steps` and writes the token that is chosen to follow it to
  // `next`, of as many elements. What a sequence gets does not depend on its row nor on the others.
  // A numerical error if the logits of one are not numbers.
  virtual absl::Status Extend(absl::Span<const SequenceStep> steps, absl::Span<int32_t> next) = 0;
};

}  // namespace hydra::generate

#endif  // HYDRA_RUNTIME_GENERATE_DECODE_ENGINE_H_
