// Primitive tier: choosing the next token.
#ifndef HYDRA_SAMPLING_OPS_TD
#define HYDRA_SAMPLING_OPS_TD

include "dialects/hydra/HydraAttributes.td"

def Hydra_SampleOp : Hydra_PrimitiveOp<"sample", [NotDifferentiable]> {
  let summary = "The next token of every sequence: temperature, top-k, top-p, repeat penalty";
  let description = [{
    logits [B, V], history [B, P, 1] (the tokens by position, the new ones included), position, count and sequence
    [B], seed [B, 2] (low word, high word) -> i32 [B]. With n = min(position[b] + count[b], P) tokens so far, and the ids
    i < m = `vocabulary` clamped to 1 .. V:

    1. l_i = logits[b, i] in float32. Ids among history[b, :n] are made less likely, each once: l_i * `repeat_penalty` if
       l_i < 0, l_i / `repeat_penalty` otherwise.
    2. If an l_i is NaN or +infinity, or none is finite, the result is -1.
    3. Ids are ordered by falling l_i, equal ones by rising i. If `temperature` is not above 0, the result is the first.
    4. Weights are integers, so that no order of addition matters: w_i = 2^(40 + (l_i - max l) log2(e) / temperature),
       rounded; the arithmetic, in float64, is that of dialects/hydra/SamplingWeights.h.
    5. Kept are the first `top_k` ids in that order (all if `top_k` <= 0), and of them the fewest first whose weights add up to
       `top_p` times the weight of all of them.
    6. The random number r is the first two words of Philox-4x32-10 with key seed[b] and counter {0, position[b] + count[b],
       sequence[b], kSampleStream}, the first one above. With W the weight of what is kept and t = floor(r W / 2^64), the
       result is the first kept id, by rising i, with t below the weight of the kept ids up to and including i.

    A sequence whose count[b] is not above 0 is not looked at; its result is -1.
    Constraints: C1 logits have two axes, V >= 1, and are f32; C2 `history` is [B, P, 1] and P >= 1; C3 `position`, `count`
    and `sequence` are [B]; C4 `seed` is [B, 2].
  }];
  let arguments = (ins Hydra_FloatTensor:$logits, Hydra_IntTensor:$history, Hydra_PerSequence:$position,
                       Hydra_PerSequence:$count, Hydra_IntTensor:$seed, Hydra_PerSequence:$sequence,
                       0DTensorOf<[F32]>:$temperature, Hydra_ScalarInt:$top_k, 0DTensorOf<[F32]>:$top_p,
                       0DTensorOf<[F32]>:$repeat_penalty, Hydra_ScalarInt:$vocabulary);
  let results = (outs Hydra_IntTensor:$result);
}

#endif // HYDRA_SAMPLING_OPS_TD
