// What generation needs of a loaded model. The executor implements it (executor_decode_engine.h);
// tests use a model of a few lines.
#ifndef HYDRA_RUNTIME_GENERATE_DECODE_ENGINE_H_
#define HYDRA_RUNTIME_GENERATE_DECODE_ENGINE_H_

#include <cstdint>

#include "absl/types/span.h"
#include "runtime/base/status.h"

namespace hydra::generate {

// One sequence and its state (model.md 16). Not thread-safe.
class DecodeEngine {
 public:
  virtual ~DecodeEngine() = default;

  virtual int64_t vocab_size() const = 0;
  // Positions that fit in the state.
  virtual int64_t cache_len() const = 0;
  // Positions that the model was made for; no cache can be longer.
  virtual int64_t max_seq_len() const = 0;
  // The most tokens that one Extend takes.
  virtual int64_t largest_chunk() const = 0;

  // Forgets the sequence.
  virtual absl::Status Reset() = 0;
  // Appends 1 to largest_chunk() tokens at `position`, the number of tokens so far. Returns the
  // logits [vocab_size] after the last one, valid until the next call.
  virtual absl::StatusOr<absl::Span<const float>> Extend(absl::Span<const int32_t> tokens,
                                                         int64_t position) = 0;
};

}  // namespace hydra::generate

#endif  // HYDRA_RUNTIME_GENERATE_DECODE_ENGINE_H_
