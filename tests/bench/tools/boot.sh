#!/usr/bin/env bash
# The QEMU guest's way from exec of msb-run to its command and to the end, in parts, as a table: medians of RUNS starts, by the
# host's clock, as the console shows it. With BEFORE, a build to compare with, both by turns. usage: boot.sh BUILD [BEFORE]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
before=${2:-}
[ -z "$before" ] || before=$(realpath "$before")
export BEFORE=${BEFORE-$before}
. "$here/../../e2e/lib.sh"
world_up >&2
python3 "$here/boot.py" "${RUNS:-7}" "$BUILD" ${BEFORE:+"$BEFORE"}
