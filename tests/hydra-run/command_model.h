// An artifact without machine code: a "model" of matmuls, copies and fills that has every entry
// that hydra-run uses. It learns nothing, but every step changes weights and state, and the state
// of a checkpoint contains the last batch, so that a wrong batch, seed or step shows.
//
//   weights W [256,16]      apply: W -= W / 128, momentum m = the last batch's token ids as bits
//   loss = W[0] . 1         eval: 5.0 nats for every token
//   extend                  logits 0 for 'a' to 'z', -1e9 for all others; the next token is the
//   seed
#ifndef HYDRA_TESTS_HYDRA_RUN_COMMAND_MODEL_H_
#define HYDRA_TESTS_HYDRA_RUN_COMMAND_MODEL_H_

#include <cstdint>
#include <vector>

namespace hydra::tools::testing {

// The bytes of the artifact: accumulate@2x8, apply@0x0, eval@2x8, extend@1x4, extend@1x1, a cache
// of 64.
std::vector<uint8_t> CommandModel();

}  // namespace hydra::tools::testing

#endif  // HYDRA_TESTS_HYDRA_RUN_COMMAND_MODEL_H_
