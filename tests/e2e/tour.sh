#!/usr/bin/env bash
# docs/tour.md, replayed: what is typed there prints what is shown there. usage: tour.sh BUILD [--update]
update=${2-}
. "$(dirname "$0")/lib.sh"
world_up "pypi.org. 60 IN A 151.101.0.223"
ipv6_up
python3 "$TESTS/e2e/tools/tour.py" $update "$(realpath "$TESTS/../docs/tour.md")" "$BUILD" "$WORK/tour"
