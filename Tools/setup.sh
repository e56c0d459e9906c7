#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs the system libraries that the build needs, where they are missing, and checks for Swift. With --tests also a browser
# for the tests of the web page, where this system has one; they are skipped without it.
set -euo pipefail

# The server of PostgreSQL is for the tests; Sotto itself needs its client library.
packages=(libopenblas-dev libssl-dev libzstd-dev zlib1g-dev libsqlite3-dev libcurl4-openssl-dev libpq-dev postgresql pkg-config)

if ! command -v swift >/dev/null; then
    echo "setup: Swift is not installed; Sotto needs Swift 6.3 or later." >&2
    echo "setup: get it from https://www.swift.org/install/linux/ and put its usr/bin on PATH." >&2
    exit 2
fi
version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9]*\)\.\([0-9][0-9]*\).*/\1 \2/p' | head -n 1)
read -r major minor <<<"${version:-0 0}"
if ((major < 6 || (major == 6 && minor < 3))); then
    echo "setup: found Swift $major.$minor; Sotto needs Swift 6.3 or later (https://www.swift.org/install/linux/)." >&2
    exit 2
fi

missing=()
if command -v dpkg-query >/dev/null; then
    for package in "${packages[@]}"; do
        status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
        [[ $status == "install ok installed" ]] || missing+=("$package")
    done
else
    # Another distribution: the libraries themselves decide.
    for library in openblas libcrypto libzstd zlib sqlite3 libcurl libpq; do
        pkg-config --exists "$library" 2>/dev/null || missing+=("$library")
    done
fi
privileged=()
((EUID == 0)) || privileged=(sudo)
export DEBIAN_FRONTEND=noninteractive
install() {
    { "${privileged[@]}" apt-get update && "${privileged[@]}" apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1
}

if ((${#missing[@]} > 0)); then
    if ! command -v apt-get >/dev/null; then
        echo "setup: these libraries are missing, with their headers: ${missing[*]}." >&2
        echo "setup: there is no apt-get here; install them with this system's package manager and run make again." >&2
        exit 2
    fi
    if ((EUID != 0)) && ! command -v sudo >/dev/null; then
        echo "setup: run as root: apt-get install ${missing[*]}" >&2
        exit 2
    fi
    echo "setup: installing ${missing[*]}"
    log=$(mktemp)
    if ! install "${missing[@]}"; then
        tail -n 20 "$log" >&2
        echo "setup: apt-get failed; install by hand and run make again: ${missing[*]}" >&2
        exit 1
    fi
    rm -f "$log"
fi

[[ ${1:-} == --tests ]] || exit 0
for browser in chromium google-chrome; do
    command -v "$browser" >/dev/null && exit 0
done
log=$(mktemp)
if command -v apt-get >/dev/null && { ((EUID == 0)) || command -v sudo >/dev/null; }; then
    echo "setup: installing chromium"
    install chromium || true
fi
rm -f "$log"
command -v chromium >/dev/null || echo "setup: there is no Chromium; tests of the web page in a browser are skipped." >&2
