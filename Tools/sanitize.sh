#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs some suites under a sanitizer: Tools/sanitize.sh thread|address SUITE...
#
# Only the targets that the suites need are built, from a copy in .build-thread or .build-address: the whole package takes
# long that way, and the compiler does not get through every test of it (docs/testing.md).
set -euo pipefail
cd "$(dirname "$0")/.."

if (($# < 2)) || [[ $1 != thread && $1 != address ]]; then
    echo "sanitize: needs thread or address and the names of suites, for example: Tools/sanitize.sh thread StoreTests" >&2
    exit 2
fi
kind=$1
shift
for suite in "$@"; do
    if [[ ! -d Tests/$suite ]]; then
        echo "sanitize: there is no Tests/$suite; name a folder of Tests" >&2
        exit 2
    fi
done

copy=.build-$kind/package
mkdir -p "$copy"
cp -ru Sources Tests Client Server "$copy"
[[ ! -f Package.resolved ]] || cp Package.resolved "$copy"
{
    cat Package.swift
    printf '\nvar needed: Set<String> = ['
    printf '"%s", ' "$@"
    cat <<'SWIFT'
]
var pending = Array(needed)
while let name = pending.popLast() {
    for dependency in package.targets.first(where: { $0.name == name })?.dependencies ?? [] {
        switch dependency {
        case .targetItem(let name, _), .byNameItem(let name, _):
            if needed.insert(name).inserted { pending.append(name) }
        default:
            break
        }
    }
}
package.targets.removeAll { !needed.contains($0.name) }
package.products = []
SWIFT
    if [[ $kind == thread ]]; then
        # The system chooses between the kernels' levels before this sanitizer is ready, by code that it would watch.
        cat <<'SWIFT'
for target in package.targets where target.name == "CKernels" {
    target.cSettings = [.unsafeFlags(["-fno-sanitize=thread"])]
}
SWIFT
    fi
} >"$copy/Package.swift"

# A sanitizer that has found something ends the run with a status of its own.
export TSAN_OPTIONS="halt_on_error=1 ${TSAN_OPTIONS:-}"
# The compiler's code keeps references where this sanitizer's search for leaks does not look.
export ASAN_OPTIONS="detect_leaks=0 ${ASAN_OPTIONS:-}"
exec swift test -c release --sanitize="$kind" --package-path "$copy"
