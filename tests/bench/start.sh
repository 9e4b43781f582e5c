#!/usr/bin/env bash
# How much faster `msb-run --vmm none -- true` is than a script of ip and nft that does as much (tools/peer_start.sh): one JSON
# object a line, for the way to the command, for the end, and for both. usage: tests/bench/start.sh BUILD
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../e2e/lib.sh"
world_up >&2
cc -O2 -static -o "$WORK/now" "$here/tools/now.c"
printf 'allow@dns\nallow@public\n' | "$BUILD/msb-policyc" compile >"$WORK/ruleset.nft"
python3 "$here/tools/start.py" "${RUNS:-40}" "$WORK/now" "$BUILD/msb-run" "$here/tools/peer_start.sh" "$WORK/ruleset.nft"
