#!/usr/bin/env bash
# compile -O 2: its text grows with the rules and not with their square, every rule is named in it, and where classes of
# addresses would multiply the chain stays rule by rule and says so. usage: tests/cli/optimise.sh BUILD
set -u
build=$(realpath "${1:?usage: tests/cli/optimise.sh BUILD}")
. "$(dirname "$0")/../tap.sh"
TAP_PREFIX="optimise: "
work=$(mktemp -d /tmp/msb-optimise.XXXXXX) || exit 3
trap 'rm -rf "$work"' EXIT
note='rule by rule: maps of addresses would be larger than the rules'

bytes() { # FILE: of its text
	"$build/msb-policyc" compile -O2 "$1" >"$work/text" 2>"$work/why" || cat "$work/why"
	wc -c <"$work/text"
}
crossed() { # N: networks under a group, each behind one more of its ports than the network before
	awk -v n="$1" 'BEGIN { print "default egress deny"; for (i = 0; i < n; i++)
		printf "deny@public:tcp:%d\nallow@20.%d.%d.0/24\n", 2 * i + 1024, i / 256, i % 256 }'
}
nested() { # N: ports of one network, and networks within it
	awk -v n="$1" 'BEGIN { print "default egress deny"; for (i = 0; i < n; i++)
		printf "allow@10.0.0.0/8:tcp:%d\ndeny@10.%d.%d.0/24:udp:%d\n", i + 1024, i / 256, i % 256, i + 1024 }'
}
linear() { # NAME SHAPE
	$2 1000 >"$work/1.msb"
	$2 4000 >"$work/4.msb"
	local small large
	small=$(bytes "$work/1.msb")
	large=$(bytes "$work/4.msb")
	check "$1: four times the rules, at most five times the text" "$([ "$small" -gt 1000 ] && [ "$large" -le $((5 * small)) ]; echo $?)" "$small, $large bytes"
	lacks "$1: with maps of addresses" "$(<"$work/text")" "$note"
	same "$1: every rule is named" 8000 "$(grep -oE '"4\.msb:[0-9]+ (allow|deny)@' "$work/text" | sort -u | wc -l)"
}

linear "ports of a group between networks" crossed
linear "networks within a network of many rules" nested

# Lists that overlap: a thousand on one network, each of them with another besides
awk 'BEGIN { print "default egress deny"; for (i = 0; i < 1000; i++) {
	printf "allow@{10.0.0.0/8,20.%d.%d.0/24}:tcp:%d\n", i / 256, i % 256, i + 1024
	printf "deny@10.%d.%d.0/24:udp\n", i / 256, i % 256 } }' >"$work/lists.msb"
contains "classes that multiply: rule by rule, and said" "$("$build/msb-policyc" compile -O2 "$work/lists.msb" 2>&1)" "$note"
finish
