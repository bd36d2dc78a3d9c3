"""Routers of recursions that send tokens to many depths: used by bench/routing.py, no program by itself.

A router makes of a token z = h . W + b, p = sigmoid(3 tanh(z / 2)), and as many further passes as p (R - 1) rounds to
(docs/spec/model.md 7). How many tokens make pass r thus says how much of the distribution of z lies above a known
threshold; a normal distribution through these points gives mean and deviation of z, W is scaled until the deviation is
1.5, and b is moved until the mean number of passes is what is wanted. Routers of later blocks see what earlier ones
leave, so that all are adjusted together until nothing moves any more.
"""
import json
import math
import mmap
import re
import statistics
import struct

DEVIATION = 1.5
NORMAL = statistics.NormalDist()
ROUNDS = 12


def thresholds(passes):
    """z above which a token makes pass 1, 2, ..."""
    result = []
    for r in range(1, passes):
        p = (r - 0.5) / (passes - 1)
        result.append(2 * math.atanh(math.log(p / (1 - p)) / 3))
    return result


def mean_for(passes, wanted):
    """The mean of z at which tokens make `wanted` passes, and three depths (or all) have a tenth of them each."""
    cuts = thresholds(passes)
    above = lambda mean: [NORMAL.cdf((mean - cut) / DEVIATION) for cut in cuts]

    def enough(mean):
        shares = [a - b for a, b in zip([1] + above(mean), above(mean) + [0])]
        return 1 + sum(above(mean)) >= wanted and sum(share >= 0.101 for share in shares) >= min(3, passes)

    means = [step / 100 for step in range(-600, 601)]
    return next((mean for mean in means if enough(mean)), 0.0)


def fit(counts):
    """Mean and deviation of z by the numbers of tokens that make pass 0, 1, ...; None if they say too little."""
    points = []
    for cut, count in zip(thresholds(len(counts)), counts[1:]):
        share = count / counts[0]
        if 0.002 < share < 0.998:
            # share = cdf((mean - cut) / deviation)
            points.append((cut, NORMAL.inv_cdf(share), share * (1 - share)))
    if len(points) == 1 and len(counts) == 2:
        # One threshold tells nothing of the deviation, which is what the weights were scaled for.
        return points[0][0] + DEVIATION * points[0][1], DEVIATION
    if len(points) < 2:
        return None
    weight = sum(w for _, _, w in points)
    x = sum(w * cut for cut, _, w in points) / weight
    y = sum(w * quantile for _, quantile, w in points) / weight
    slope = (sum(w * (cut - x) * (quantile - y) for cut, quantile, w in points) /
             sum(w * (cut - x) ** 2 for cut, _, w in points))
    if slope >= 0:
        return None
    return x - y / slope, -1 / slope


class Weights:
    """Small tensors of a safetensors file, changed in place."""

    def __init__(self, path):
        self.file = open(path, "r+b")
        self.bytes = mmap.mmap(self.file.fileno(), 0)
        (length,) = struct.unpack("<Q", self.bytes[:8])
        self.start = 8 + length
        self.header = json.loads(self.bytes[8:self.start])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.bytes.close()
        self.file.close()

    def _range(self, name):
        if self.header[name]["dtype"] != "F32":
            raise SystemExit(f"{name}: expected F32, found {self.header[name]['dtype']}")
        return [self.start + place for place in self.header[name]["data_offsets"]]

    def read(self, name):
        begin, end = self._range(name)
        return list(struct.unpack(f"<{(end - begin) // 4}f", self.bytes[begin:end]))

    def write(self, name, values):
        begin, end = self._range(name)
        self.bytes[begin:end] = struct.pack(f"<{len(values)}f", *values)

    def routers(self):
        names = [name for name in self.header if name.endswith("mor_router.router.weight")]
        return sorted((name[:-len("weight")] for name in names),
                      key=lambda name: int(name.split(".")[1]))


def counts_of(routing):
    """Tokens that make pass 0, 1, ..., by block."""
    names = [name for name in routing if re.fullmatch(r"route\.mor\.\d+\.tokens", name)]
    return [routing[name] for name in sorted(names, key=lambda name: int(name.split(".")[2]))]


def adjust(path, count, wanted):
    """Changes the routers in the file `path` until `count()` (what hydra-run bench says of the routing) shows `wanted`
    passes on average. Prints what they do. Whether they do as asked."""
    with Weights(path) as weights:
        routers = weights.routers()
        initial = [weights.read(router + "weight") for router in routers]
    # As if the scores had the deviation of a row of initial weights over normed states.
    scales = [DEVIATION / max(1e-9, math.sqrt(sum(w * w for w in row))) for row in initial]
    biases = [0.0] * len(routers)

    def write():
        with Weights(path) as weights:
            for router, row, scale, bias in zip(routers, initial, scales, biases):
                weights.write(router + "weight", [w * scale for w in row])
                weights.write(router + "bias", [bias])

    def made():
        write()
        return counts_of(count())

    if wanted <= 1:
        biases = [-1e4] * len(routers)
        counts = made()
        return report(counts, wanted, spread=False)
    counts = made()
    target = mean_for(len(counts[0]), wanted)
    for _ in range(ROUNDS):
        moved = 0.0
        for i, tokens in enumerate(counts):
            found = fit(tokens)
            if found is None:
                # All on one side: towards the other, and wider.
                passes = sum(tokens) / tokens[0]
                biases[i] += 1.0 if passes < wanted else -1.0
                scales[i] *= 1.3
                moved = math.inf
                continue
            mean, deviation = found
            factor = min(max(DEVIATION / deviation, 0.3), 3)
            shift = target - (biases[i] + (mean - biases[i]) * factor)
            moved = max(moved, abs(factor - 1), abs(shift))
            scales[i] *= factor
            biases[i] += shift
        if moved < 0.05:
            break
        counts = made()
    return report(counts, wanted, spread=True)


def report(counts, wanted, spread):
    shares = []
    for pass_, first in enumerate(zip(*counts)):
        after = sum(tokens[pass_ + 1] for tokens in counts) if pass_ + 1 < len(counts[0]) else 0
        shares.append((sum(first) - after) / sum(tokens[0] for tokens in counts))
    passes = sum(sum(tokens) for tokens in counts) / sum(tokens[0] for tokens in counts)
    print(f"  passes per token: {passes:.2f}; tokens by depth:",
          "  ".join(f"{depth}: {100 * share:.1f} %" for depth, share in enumerate(shares)))
    for depth, share in enumerate(shares):
        print(f"  {depth} |{'#' * round(60 * share)}")
    print("  passes by block:", " ".join(f"{sum(tokens) / tokens[0]:.2f}" for tokens in counts),
          flush=True)
    good = abs(passes - wanted) <= 0.05 * wanted
    if spread:
        good &= sum(share >= 0.1 for share in shares) >= min(3, len(shares))
    if not good:
        print("  OVER: the routers do not do as asked")
    return good
