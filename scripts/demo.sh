#!/usr/bin/env bash
# The demo: compile a small model that routes in all three ways, train it on a real book, see what routing did and
# saved, and let the model write. docs/tutorial.md does the like by hand.
set -euo pipefail
cd "$(dirname "$0")/.."
opt=build/bin/hydra-opt
run=build/bin/hydra-run
out=demo
model=models/hydra-nano-moe.mlir
steps=${HYDRA_DEMO_STEPS:-1000}

stage() { printf '\n\033[1m== %s\033[0m\n' "$*" | if [ -n "${NO_COLOR:-}" ] || [ ! -t 1 ]; then sed 's/\x1b\[[0-9;]*m//g'; else cat; fi; }

mkdir -p "$out"
stage "1/7  The book: the King James Bible"
[ -s "$out/kjv.txt" ] || bible -f 'gen1:1-rev22:21' > "$out/kjv.txt"
wc -c "$out/kjv.txt"

stage "2/7  Compile $model"
"$opt" "$model" --routing=dynamic --entry=train@8x256 --entry=eval@8x256 --entry=extend@1x64 --entry=extend@1x1 \
  --cache=1024 -o "$out/hydra-nano-moe.hydra"
# Everything but the table of parameters.
"$run" inspect "$out/hydra-nano-moe.hydra" | sed '/^parameter  /,$d'

stage "3/7  Bytes to tokens, the last 5 % held out"
"$run" data text "$out/kjv.txt" --out "$out/data" --force

# Depth routing selects from step 51 on, recursion is routed from step 101 on, at once; experts join over 100 steps.
stage "4/7  Train"
rm -rf "$out/run"
"$run" train "$out/hydra-nano-moe.hydra" --data "$out/data" --steps "$steps" --batch 8 --seq 256 --lr 4e-3 --out "$out/run" \
  --set mod_warmup_steps=50 --set mor_enable_step=100 --set mor_rampup_steps=0 --set moe_warmup_steps=100

stage "5/7  Held-out loss"
"$run" eval "$out/run" --data "$out/data"

stage "6/7  What routing did"
"$run" db routing "$out/run" --png "$out/routing.png" --force
# The same model where every token makes every pass, on the same machine.
"$opt" "$model" --routing=fixed --entry=train@8x256 -o "$out/fixed-depth.hydra"
fixed=$("$run" bench "$out/fixed-depth.hydra" --entry=train@8x256 --steps 10 --json | sed -n 's/.*"tokens_per_second": *\([0-9]*\).*/\1/p')
routed=$(sed -n 's/.*"event":"step".*"step_milliseconds":\([0-9.e+]*\),"tokens":\([0-9]*\).*/\1 \2/p' "$out/run/steps.jsonl" |
  awk '{ seconds += $1 / 1e3; tokens += $2 } END { printf "%.0f", tokens / seconds }')
printf 'training: %s tokens/s over the run; at fixed depth: %s tokens/s\n' "$routed" "$fixed"

stage "7/7  Write"
"$run" generate "$out/run" --prompt "And God said" --tokens 400 --temperature 0.8 --top-k 40 --seed 1
printf '\n'

stage "Where everything is"
cat <<END
artifact      $out/hydra-nano-moe.hydra
checkpoints   $out/run
metrics       $out/run/training.db, $out/run/steps.jsonl
routing       $out/routing.png
next          docs/tutorial.md
END
