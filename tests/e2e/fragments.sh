#!/usr/bin/env bash
# Fragments, extension headers and addresses inside addresses never slip past a rule: what the policy denies does not
# arrive in pieces, in another order, behind other headers or in another notation, and what it allows does.
. "$(dirname "$0")/lib.sh"
world_up
ipv6_up

# Each kind has a destination of its own; "own…" kinds are allowed
judge() {
	while read -r kind to; do
		case $kind in
		own*) same "$kind arrives at $to" 1 "$(seen "$to" udp)" ;;
		*) same "$kind, to $to" 0 "$(seen "$to")" ;;
		esac
	done <<<"$out"
}
run_sandbox --quiet --net-default deny --net-rule allow@any:udp:7777 -- python3 "$TESTS/e2e/tools/frames.py" fragments
same "packets were sent" "0 25" "$status $(wc -l <<<"$out")"
sleep 0.2
judge
run_sandbox --quiet --net-default allow --net-rule deny@10.0.0.0/8,deny@meta -- python3 "$TESTS/e2e/tools/frames.py" disguised
same "disguised packets were sent" "0 9" "$status $(wc -l <<<"$out")"
sleep 0.2
judge
finish
