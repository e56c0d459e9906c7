#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What privacy costs: training steps without clipping and with the best certified method, beside PyTorch and Opacus on
# the same machine in turn. Prints a table of medians and leaves all numbers in .build/bench.json.
#
# The peers run where there is a Python with torch and opacus: --python, or SOTTO_PEERS_PYTHON in the environment.
# With them the whole takes half an hour and, for Opacus on vgg11, 12 GiB. JAX is not among the peers.
#
#   python3 -m venv V && V/bin/pip install 'torch==2.13.0+cpu' opacus==1.6.0 opt_einsum scipy
set -euo pipefail
from=$PWD
cd "$(dirname "$0")/.."

sotto=.build/release/sotto
python=${SOTTO_PEERS_PYTHON:-}
models="tanh-cnn simple-convnet larger-convnet mlp vgg11"
repetitions=5
seconds=3
output=.build/bench.json

usage() {
    echo "usage: Tools/bench.sh [--python FILE] [--models 'NAME ...'] [--repetitions N] [--seconds S]" \
        "[--output FILE]" >&2
    exit 2
}

fail() {
    echo "bench: $1" >&2
    exit "${2:-1}"
}

while (($# > 0)); do
    case $1 in
        --python | --models | --repetitions | --seconds | --output)
            (($# > 1)) || usage
            declare "${1#--}=$2"
            shift 2
            ;;
        *) usage ;;
    esac
done
[[ $repetitions =~ ^[1-9][0-9]*$ ]] || fail "--repetitions $repetitions; give a whole number from 1" 2
[[ -x $sotto ]] || fail "there is no $sotto; run swift build -c release --product sotto"

peers=()
if [[ -z $python ]]; then
    echo "bench: PyTorch and Opacus are skipped; --python or SOTTO_PEERS_PYTHON would name a Python that has them" >&2
else
    # Of a virtual environment the link counts, not the interpreter that it leads to.
    [[ $python == */* ]] && python=$(cd "$from" && realpath -s "$python")
    versions=$("$python" -c '
import torch, opacus
print(f"PyTorch {torch.__version__}, Opacus {opacus.__version__}")') || fail "$python cannot import torch and opacus" 2
    peers=(plain opacus opacus-ghost)
    echo "bench: peers are $versions" >&2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
runs=$work/runs

batch() {
    case $1 in
        mlp) echo 2048 ;;
        *) echo 256 ;;
    esac
}

# A line of `runs` is: model, method, the JSON object that the measured process printed last.
record() {
    local model=$1 method=$2
    shift 2
    echo "bench: repetition $repetition of $repetitions: $model $method" >&2
    "$@" >"$work/out" 2>"$work/log" || {
        tail -n 5 "$work/log" >&2
        fail "$model $method ended with an error: $*"
    }
    printf '%s\t%s\t%s\n' "$model" "$method" "$(tail -n 1 "$work/out")" >>"$runs"
}

: >"$runs"
for ((repetition = 1; repetition <= repetitions; repetition++)); do
    for model in $models; do
        for clipping in none auto; do
            record "$model" "$clipping" "$sotto" bench \
                --model "$model" --clipping "$clipping" --batch "$(batch "$model")" --seconds "$seconds" --json
        done
        for method in "${peers[@]}"; do
            record "$model" "$method" "$python" Tools/bench/torch_peers.py \
                --model "$model" --method "$method" --batch "$(batch "$model")" --seconds "$seconds"
        done
    done
done

mkdir -p "$(dirname "$output")"
awk -f Tools/bench/summary.awk -v output="$work/bench.json" -v seconds="$seconds" \
    -v processor="$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) processors" "$runs"
mv "$work/bench.json" "$output"
echo
echo "medians of $repetitions; all numbers are in $output"
