# SPDX-License-Identifier: Apache-2.0
#
# `make demo` and `make test` set up a fresh machine (Debian or Ubuntu) by themselves and share one release build.

SHELL := /bin/bash
BIN := .build/release

.PHONY: demo demo-watch test test-long bench load client format lint schema setup setup-tests build clean

demo: build
	@Tools/demo.sh

# The same, and its web page stays after the run.
demo-watch: build
	@Tools/demo.sh --watch

test: setup-tests build
	swift test -c release --skip-build

# Everything in `test`, and what takes longer: exhaustive and large-sample checks.
test-long: setup-tests build
	SOTTO_LONG_TESTS=1 swift test -c release --skip-build

# Five models, without and with privacy; next to PyTorch and Opacus where SOTTO_PEERS_PYTHON names a Python that has them.
bench: setup
	swift build -c release --product sotto
	@Tools/bench.sh

# How many uploads and waiting clients one server takes on this machine; see docs/load.md.
load: setup
	swift build -c release --product sotto-load
	swift build -c release --product sotto-server
	@Tools/load.sh

# The shippable client: the Swift runtime inside, C libraries as on the device. Nothing looks its symbols up by name, so they
# are not exported, and functions of equal code are kept once. Swift code is optimised for size; the kernels are C and stay as
# fast as they are.
client: setup
	swift build -c release --product sotto-client --static-swift-stdlib --scratch-path .build/static \
	  -Xswiftc -Osize -Xlinker -s -Xlinker --no-export-dynamic -Xlinker --icf=safe
	@ls -lh .build/static/release/sotto-client

format:
	swift format -i -r Package.swift Sources Tests Client Server

lint:
	swift format lint --strict -r Package.swift Sources Tests Client Server

# Regenerates the wire schema; needs protoc and protoc-gen-swift of the version that Package.swift names.
schema:
	protoc --proto_path=Schema --swift_out=Sources/Messages/Generated \
	  --swift_opt=Visibility=Package --swift_opt=UseAccessLevelOnImports=true sotto.proto

setup:
	@Tools/setup.sh

setup-tests:
	@Tools/setup.sh --tests

build: setup
	swift build -c release --build-tests

clean:
	rm -rf .build .demo
