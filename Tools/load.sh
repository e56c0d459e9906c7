#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# How much one server with SQLite takes, with the load generator on the same machine: sealed uploads over plain HTTP and over
# TLS, then clients that wait. One JSON object a round or run; serverPeakMiB is the most since the server's start.
#
# usage: Tools/load.sh [uploads of a round, default 1000] [rounds, default 5] [waiting clients, default 10000]
set -euo pipefail
cd "$(dirname "$0")/.."

uploads=${1:-1000}
rounds=${2:-5}
waiting=${3:-10000}
bin=$PWD/.build/release
work=$(mktemp -d "${TMPDIR:-/tmp}/sotto-load.XXXXXX")
server=""

stop() {
    [[ -n $server ]] && { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }
    server=""
}
trap 'stop; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# start NAME COHORT [LINE OF [server]]: a server of its own with one running task; sets url, folder and options.
start() {
    folder=$work/$1
    mkdir -p "$folder"
    cat >"$folder/server.toml" <<TOML
[server]
name = "load"
state = "$folder/state"
listen = "127.0.0.1:0"
${3:-}

[limits]
client-rate = 1000
stranger-rate = 100000
enrolments-per-minute = 1000000
connections = 4000

[[population]]
name = "people"
epsilon = 100
delta = 1e-5
TOML
    cat >"$folder/task.toml" <<TOML
[task]
name = "load"
population = "people"
rounds = $rounds

[model]
preset = "tanh-cnn"

[data]
shape = [1, 28, 28]
classes = 10
examples = 60000

[privacy]
unit = "example"
epsilon = 8.0
delta = 1e-5
clip = 1.0
sampling-rate = 0.05
colluders = 10

[round]
cohort = $2
fewest-survivors = $(($2 * 9 / 10))
over-selection = 1.0
deadline-seconds = 300

[optimizer]
kind = "sgd"
learning-rate = 0.1
TOML
    "$bin/sotto-server" task create --config "$folder/server.toml" "$folder/task.toml" >/dev/null
    "$bin/sotto-server" run --config "$folder/server.toml" 2>"$folder/log" &
    server=$!
    url=""
    for _ in {1..100}; do
        url=$(sed -n 's|.*listening on \(https*://[^ ]*\).*|\1|p' "$folder/log")
        [[ -n $url ]] && break
        kill -0 "$server" 2>/dev/null || { cat "$folder/log" >&2; exit 1; }
        sleep 0.1
    done
    "$bin/sotto-server" task start --config "$folder/server.toml" load >/dev/null
    options=(--server "$url" --invites "$folder/invites" --server-process "$server")
}

invite() { "$bin/sotto-server" invite --config "$folder/server.toml" --count "$1" >"$folder/invites"; }

echo "$uploads uploads a round, $rounds rounds, plain HTTP:"
start plain "$uploads"
invite "$uploads"
"$bin/sotto-load" uploads "${options[@]}" --rounds "$rounds"
stop

echo "the same over TLS:"
start tls "$uploads" 'tls = "development"'
invite "$uploads"
"$bin/sotto-load" uploads "${options[@]}" --rounds "$rounds" --server-certificate "$folder/state/development-certificate.pem"
stop

echo "$waiting clients that wait, on up to 1,000 connections:"
start waiting $((waiting + 1))
invite "$waiting"
"$bin/sotto-load" polls "${options[@]}" --connections $((waiting < 1000 ? waiting : 1000)) --seconds 60
stop
