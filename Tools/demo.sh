#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# One server and eight clients, each a process of its own, train on handwritten digits that stay with the clients.
# What remains afterwards is in .demo: the server's state with ledger and model, and summary.json.
# With --watch the web page stays after the run, until Ctrl-C.
set -euo pipefail
stays=false
case ${1:-} in
"") ;;
--watch) stays=true ;;
*)
    echo "demo: $1 is not known; it takes --watch or nothing" >&2
    exit 2
    ;;
esac
cd "$(dirname "$0")/.."

bin=.build/release
work=.demo
clients=8
finished=false
server=""
pids=()

cleanup() {
    trap - EXIT INT TERM
    for pid in "${pids[@]}" $server; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    # An interrupted demonstration leaves nothing; a finished one leaves its result.
    if $finished; then rm -rf "$work/clients"; else rm -rf "$work"; fi
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
    echo "demo: $1" >&2
    for log in "$work"/server.log "$work"/clients/*.log; do
        [[ -s $log ]] && { echo "--- $log" >&2; tail -n 5 "$log" >&2; }
    done
    exit 1
}

number() { sed -n "s/.*\"$1\":\([0-9.eE+-]*\).*/\1/p" "$2"; }

rm -rf "$work"
mkdir -p "$work/clients"

echo "Planning the task (Demo/digits.toml):"
"$bin/sotto-server" task create --config Demo/server.toml Demo/digits.toml | sed 's/^/  /'

: >"$work/server.log"
# A process group of its own keeps Ctrl-C from reaching the processes before the cleanup does.
setsid "$bin/sotto-server" run --config Demo/server.toml --json >"$work/server.json" 2>"$work/server.log" &
server=$!
url=""
for _ in {1..100}; do
    url=$(sed -n 's|.*listening on \(http://[^ ]*\).*|\1|p' "$work/server.log")
    [[ -n $url ]] && break
    kill -0 "$server" 2>/dev/null || fail "the server did not start"
    sleep 0.1
done
[[ -n $url ]] || fail "the server did not start within 10 s"
echo
echo "Watch it in a browser: $url/"

mapfile -t invites < <("$bin/sotto-server" invite --config Demo/server.toml --count "$clients")
for ((i = 1; i <= clients; i++)); do
    setsid "$bin/sotto-client" run --server "$url" --invite "${invites[i - 1]}" --data "digits:$i/$clients" \
        --memory-limit 64MiB --max-epsilon 8 --max-epsilon-server 40 --state "$work/clients/$i" --json \
        >"$work/clients/$i.json" 2>"$work/clients/$i.log" &
    pids+=($!)
done

echo
echo "One server at $url and $clients clients, each with its own eighth of the data:"
"$bin/sotto-server" task start --config Demo/server.toml digits
"$bin/sotto-server" task watch --config Demo/server.toml digits || fail "the task did not finish"
for pid in "${pids[@]}"; do wait "$pid" || fail "a client ended with an error"; done
pids=()
kill -TERM "$server" && wait "$server" || fail "the server ended with an error"
server=""

# What every client counted itself, requests and answers of all kinds, divided by all their rounds.
total() { for file in "$work"/clients/*.json; do number "$1" "$file"; done | awk '{ sum += $1 } END { print sum }'; }
largest() { for file in "$work"/clients/*.json; do number "$1" "$file"; done | sort -n | tail -n 1; }
delivered=$(total rounds)
up=$(($(total bytesUp) / delivered))
down=$(($(total bytesDown) / delivered))
client_peak=$(largest peakMiB)
client_plan=$(largest planMiB)
server_peak=$(number peakMiB "$work/server.json")

"$bin/sotto-server" task show --config Demo/server.toml digits --json |
    sed "s/\"bytesUpPerClientRound\":[0-9.eE+-]*/\"bytesUpPerClientRound\":$up/
         s/\"bytesDownPerClientRound\":[0-9.eE+-]*/\"bytesDownPerClientRound\":$down/
         s/\"serverPeakMiB\":[0-9.eE+-]*/\"serverPeakMiB\":$server_peak/
         s/}\$/,\"clients\":$clients,\"clientPeakMiB\":$client_peak}/" >"$work/summary.json"

echo
"$bin/sotto-server" task show --config Demo/server.toml digits
printf '%-39s%s\n' "all traffic of a client" "$up bytes up, $down bytes down per round" \
    "peak memory" "client $(printf %.1f "$client_peak") MiB (planned $(printf %.1f "$client_plan") MiB), server $(printf %.1f "$server_peak") MiB" \
    "summary" "$work/summary.json"
finished=true

echo
if $stays; then
    setsid "$bin/sotto-server" run --config Demo/server.toml --listen "${url#http://}" 2>>"$work/server.log" &
    server=$!
    echo "The page stays at $url/ until Ctrl-C."
    wait "$server" || fail "the server ended with an error"
else
    echo "To look at the run again in a browser: $bin/sotto-server run --config Demo/server.toml --listen 127.0.0.1:8470"
fi
