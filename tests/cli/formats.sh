#!/usr/bin/env bash
# What check prints for programs, held against the schemas: our own, and SARIF's. usage: run.sh BUILD
set -u
build=$(realpath "${1:?usage: run.sh BUILD}")
cd "$(dirname "$0")/../.." || exit 3
exec python3 tests/cli/formats.py "$build/msb-policyc"
