#!/usr/bin/env bash
# The demo sees what it claims to see: with the VM under another policy than the one it asks about, it fails.
. "$(dirname "$0")/lib.sh"

said=$(env -u MSB_TEST_WORLD "$TESTS/demo.sh" "$BUILD" policies/default.msb 2>&1)
same "a demo under the wrong policy fails" 1 $?
contains "it says how many fared as the policy says" "$said" '^9 tried, [2-7] fared as the policy says$'
contains "it marks the flow that should have been refused" "$said" '^egress@151\.101\.0\.223:tcp:443 .* connected .*<-- not as the policy says'
contains "and the name that should not resolve" "$said" '^dns@example\.com .* 93\.184\.216\.34 .*<-- not as the policy says'
lacks "but not what both policies refuse" "$said" '^egress@169\.254\.169\.254.*<--'
finish
