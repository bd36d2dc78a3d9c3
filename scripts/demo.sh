#!/usr/bin/env bash
# The demo: compile a small routed model, train it on a real book, and let it write.
# docs/tutorial.md does the same by hand.
set -euo pipefail
cd "$(dirname "$0")/.."
opt=build/bin/hydra-opt
run=build/bin/hydra-run
out=demo
steps=${HYDRA_DEMO_STEPS:-1000}

stage() { printf '\n\033[1m== %s\033[0m\n' "$*" | if [ -n "${NO_COLOR:-}" ] || [ ! -t 1 ]; then sed 's/\x1b\[[0-9;]*m//g'; else cat; fi; }

mkdir -p "$out"
stage "1/6  The book: the King James Bible"
[ -s "$out/kjv.txt" ] || bible -f 'gen1:1-rev22:21' > "$out/kjv.txt"
wc -c "$out/kjv.txt"

stage "2/6  Compile models/hydra-nano.mlir"
"$opt" models/hydra-nano.mlir --routing=fixed --entry=train@8x256 --entry=eval@8x256 --entry=extend@1x64 --entry=extend@1x1 \
  --cache=1024 -o "$out/hydra-nano.hydra"
# Everything but the table of parameters.
"$run" inspect "$out/hydra-nano.hydra" | sed '/^parameter  /,$d'

stage "3/6  Bytes to tokens, the last 5 % held out"
"$run" data text "$out/kjv.txt" --out "$out/data" --force

stage "4/6  Train"
rm -rf "$out/run"
"$run" train "$out/hydra-nano.hydra" --data "$out/data" --steps "$steps" --batch 8 --seq 256 --lr 4e-3 --out "$out/run"

stage "5/6  Held-out loss"
"$run" eval "$out/run" --data "$out/data"

stage "6/6  Write"
"$run" generate "$out/run" --prompt "And God said" --tokens 400 --temperature 0.8 --top-k 40 --seed 1
printf '\n'

stage "Where everything is"
cat <<END
artifact      $out/hydra-nano.hydra
checkpoints   $out/run
metrics       $out/run/training.db, $out/run/steps.jsonl
next          docs/tutorial.md
END
