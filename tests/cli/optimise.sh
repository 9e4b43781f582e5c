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
contains "classes that multiply: rule by rule, and said" "$("$build/msb-policyc" compile -O2 "$work/lists.msb" 2>"$work/why")" "$note"
contains "by compile, too" "$(<"$work/why")" 'note: its rules'
# Each pass, for whoever wants to know which one did it
printf 'default egress deny\nallow@10.1.0.0/16:tcp:443\nallow@10.2.0.0/16:tcp:443\nallow@example.com:tcp:443\nallow@public:udp:443\n' >"$work/passes.msb"
same "the passes of -O 2" "# before the passes # pass 1, names # pass 2, addresses # pass 3, merge # pass 4, unused sets # pass 5, shared sets" \
	"$("$build/msb-policyc" compile --emit ir --passes "$work/passes.msb" | grep '^# ' | paste -sd' ')"
same "those of -O 1" "# before the passes # pass 3, merge # pass 4, unused sets" \
	"$("$build/msb-policyc" compile -O 1 --emit ir --passes "$work/passes.msb" | grep '^# ' | paste -sd' ')"
same "what the last one leaves is what is printed without" "$("$build/msb-policyc" compile --emit ir "$work/passes.msb")" \
	"$("$build/msb-policyc" compile --emit ir --passes "$work/passes.msb" | sed -n '/^# pass 5/,$p' | tail -n +2)"
"$build/msb-policyc" compile --passes "$work/passes.msb" >"$work/text" 2>&1
same "--passes without --emit ir: exit status" 2 $?
contains "and why" "$(<"$work/text")" 'only with --emit ir'
same "-O 1: neighbours are one rule" 1 "$("$build/msb-policyc" compile -O 1 "$work/passes.msb" | grep -c 'ip daddr @egress_run1_v4 tcp dport 443 counter goto admit')"
same "each of them named in its element" 2 "$("$build/msb-policyc" compile -O 1 "$work/passes.msb" | grep -o '10\.[12]\.0\.0/16 comment "passes.msb:[23] ' | wc -l)"
same "-O 2 is what there is without -O" "$("$build/msb-policyc" compile -O 2 "$work/passes.msb")" "$("$build/msb-policyc" compile "$work/passes.msb")"
finish
