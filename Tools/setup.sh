#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs the system libraries that the build needs, where they are missing, and checks for Swift.
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
((${#missing[@]} == 0)) && exit 0

if ! command -v apt-get >/dev/null; then
    echo "setup: these libraries are missing, with their headers: ${missing[*]}." >&2
    echo "setup: there is no apt-get here; install them with this system's package manager and run make again." >&2
    exit 2
fi
privileged=()
if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
        echo "setup: run as root: apt-get install ${missing[*]}" >&2
        exit 2
    fi
    privileged=(sudo)
fi
echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
if ! { "${privileged[@]}" apt-get update && "${privileged[@]}" apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "setup: apt-get failed; install by hand and run make again: ${missing[*]}" >&2
    exit 1
fi
rm -f "$log"
