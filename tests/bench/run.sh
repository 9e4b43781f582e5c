#!/usr/bin/env bash
# What filtering costs: packets a second through the namespace's ruleset beside those through none, in one run, so that
# the ratios hold where the figures do not; and how long compiling and installing take. usage: tests/bench/run.sh BUILD
set -eu
build=$(realpath "${1:?usage: tests/bench/run.sh BUILD}")
. "$(dirname "$0")/../e2e/links.sh"
work=$(mktemp -d /tmp/msb-bench.XXXXXX) || exit 3
trap 'rm -rf "$work"' EXIT

rules() { # N: a policy of N rules that all differ, none for the flow that is measured but the last
	awk -v n="$1" 'BEGIN { print "default egress deny"
		for (i = 1; i < n; i++) printf "allow@10.%d.%d.0/24:tcp:%d\n", i / 256 % 256, i % 256, i % 60000 + 1
		print "allow@public" }'
}
rate() { # new|established
	"$build/e2e/packet_rate" /run/netns/guest /run/netns/sink "$(mac link show br0)" "$(mac link show uplink)" "$1"
}
row() { # NAME RATE
	awk -v name="$1" -v rate="$2" -v none="$none" 'BEGIN { printf "%-46s %9d   %.2f\n", name, rate, rate / none }'
}

printf '%-46s %9s   %s\n' "one core, 50-byte UDP packets, routed" packets/s "of none"
none=$(rate new)
row "no ruleset, no conntrack" "$none"
for count in 1 100 1000; do
	rules "$count" >"$work/$count.msb"
	"$build/e2e/install" --replace "$work/$count.msb"
	nft flush chain inet msb admit # how many flows a sandbox may open is no cost of its rules
	row "each a new flow, by rule $count of $count (-O0)" "$(rate new)"
	row "an established flow behind $count rules" "$(rate established)"
done

milliseconds() { # COMMAND…: the least of three runs
	local best=999999 start took
	for _ in 1 2 3; do
		start=${EPOCHREALTIME/./}
		"$@" >/dev/null
		took=$(((${EPOCHREALTIME/./} - start) / 1000))
		[ "$took" -lt "$best" ] && best=$took
	done
	echo "$best"
}
printf '\n%-46s %9s\n' "compiling, installing" ms
for count in 100 1000 10000; do
	rules "$count" >"$work/$count.msb"
	printf '%-46s %9d\n' "compile $count rules" "$(milliseconds "$build/msb-policyc" compile "$work/$count.msb")"
	printf '%-46s %9d\n' "replace by $count rules" "$(milliseconds "$build/e2e/install" --replace "$work/$count.msb")"
done

printf "\n%-46s %10s %12s\n" "policies as code" processor "peak memory"
"$(dirname "$0")/tools.sh" "$build"
