#!/usr/bin/env bash
# The relay against the evaluator: random ingress policies, each in a sandbox that serves published ports; whoever
# connects, from whatever address, experiences what `eval` says of that peer, protocol and port. 0 mismatches.
# MSB_SEED and INGRESS_POLICIES change which and how many. usage: tests/e2e/ingress.sh BUILD
. "$(dirname "$0")/lib.sh"
host_up
internet_links # any address is the other namespace's own, so any address can be a peer's
NEIGHBOUR6=fe80::1
on_internet ip address add "$NEIGHBOUR6/64" dev wan0 nodad
export BUILD HOST4 HOST6 INTERNET4 INTERNET6 NEIGHBOUR6 WORK
exec python3 -B "$TESTS/e2e/tools/ingress.py" "${INGRESS_POLICIES:-$(effort 120)}" "${MSB_SEED:-20261124}"
