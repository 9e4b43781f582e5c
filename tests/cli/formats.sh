#!/usr/bin/env bash
# What check prints for programs, held against the schemas: our own, and SARIF's. usage: formats.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"
cd "$root" || exit 3
python3 tests/cli/formats.py "$policyc"
