#!/usr/bin/env bash
# How many packets a second a guest gets through what msb-run sets up, beside other rulesets in the same set-up; a JSON object a
# line. docs/bench.md tells how to read it.
#
# usage: tests/bench/rates.sh BUILD                            the rows of `make bench`
#        tests/bench/rates.sh BUILD [OPTION…] [NAME=]RULES…    each against the first
#   RULES: none; floor (conntrack + accept); frame (accept-all by msb-run); linear (an administrator's, of one rule); POLICY.msb (by
#          msb-run); POLICY.msb@LEVEL (compiled at that level, instead of what msb-run installs); RULES.nft (instead)
#   --kind new|established   --way vm|host    whether the host's table is on the way too
#   --limits off|shipped     off: no bounds on new flows; shipped: bursts of 200 with time between them for the bound on their rate
#   --flows FILE             ADDRESS tcp|udp PORT a line, from which flows are taken at random
#   --names FILE             what guests look up first (policy.py makes such files); not with @1, @2
#   --forget                 conntrack forgets all flows before each burst
#   --rounds N --packets N --work TEXT --goal N
set -eu
arguments=("$@")
build=$(realpath "${1:?usage: tests/bench/rates.sh BUILD [OPTION…] [RULES…]}")
shift
# shellcheck source=tests/bench/tools/stands.sh
. "$(dirname "$0")/tools/stands.sh" "${arguments[@]}"

SHIPPED_BURST=(--packets 200 --warm 16 --pause 900) # of 250 new flows a second, 1,000 at once
UNLIMITED=(--max-connection-rate 0 --max-connections 0)

# ---- the rows ----

ratios() { "$BENCH/tools/ratios.py" "$@" <"$WORK/rounds"; }

# An established and a new flow of the policy that a sandbox has without any, its limits as they are
rows() { # vm|host WORDS
	local way=$1 words=$2 name names=(none floor linear frame ours)
	for name in "${names[@]}"; do
		if [ "$name" = ours ]; then
			stand "$way-ours" "$way" "$WORK/default.msb"
		else
			stand "$way-$name" "$way" "$name"
		fi
	done
	"$build/bench/rates" --kind established --rounds 100 "${names[@]/#/$way-}" >"$WORK/rounds"
	local goal=()
	[ "$way" = host ] || goal=(--goal 0.74)
	ratios --work "established flow, $words" --against "$way-none" --as "no ruleset" "${goal[@]}" "$way-ours=allow@dns, allow@public"
	ratios --work "established flow, $words" --against "$way-none" --as "no ruleset" "$way-floor=conntrack + accept" \
		"$way-linear=an ordinary ruleset" "$way-frame=accept-all in our frame"
	"$build/bench/rates" --rounds 40 "${SHIPPED_BURST[@]}" "${names[@]/#/$way-}" >"$WORK/rounds"
	ratios --work "new flow, one rule, limits as shipped, $words" --against "$way-floor" --as "conntrack + accept" --goal 0.78 "$way-ours=allow@dns, allow@public"
	ratios --work "new flow, one rule, limits as shipped, $words" --against "$way-floor" --as "conntrack + accept" \
		"$way-none=no ruleset" "$way-linear=an ordinary ruleset" "$way-frame=accept-all in our frame"
}

if [ $# = 0 ]; then
	printf 'allow@dns\nallow@public\n' >"$WORK/default.msb"
	rows vm "the sandbox's namespace"
	rows host "and the host's table"
	exit 0
fi

# ---- one's own ----

way=vm kind=new limits=off rounds='' packets='' flows=() forget=() work='' goal=() specs=()
while [ $# -gt 0 ]; do
	case $1 in
	--way) way=$2 ;;
	--kind) kind=$2 ;;
	--limits) limits=$2 ;;
	--rounds) rounds=$2 ;;
	--packets) packets=$2 ;;
	--names) NAMES=$(realpath "$2") ;;
	--flows) flows=(--flows "$2") ;;
	--work) work=$2 ;;
	--goal) goal=(--goal "$2") ;;
	--forget) forget=(--forget) && shift && continue ;;
	-*) die "$1: no such option" ;;
	*=*) specs+=("$1") && shift && continue ;;
	*)
		name=$(basename "$1" .nft)
		specs+=("${name//[.@]/_}=$1") && shift && continue
		;;
	esac
	shift 2
done
[ ${#specs[@]} -gt 0 ] || specs=(none=none floor=floor frame=frame)
options=("${UNLIMITED[@]}") pace=(--packets 500) names=()
if [ "$limits" = shipped ]; then
	options=()
	[ "$kind" = established ] || pace=("${SHIPPED_BURST[@]}")
fi
for spec in "${specs[@]}"; do
	names+=("${spec%%=*}")
	stand "${spec%%=*}" "$way" "${spec#*=}" "${options[@]}"
done
[ -z "$packets" ] || pace+=(--packets "$packets")
"$build/bench/rates" --kind "$kind" "${pace[@]}" --rounds "${rounds:-60}" "${flows[@]}" "${forget[@]}" "${names[@]}" >"$WORK/rounds"
"$BENCH/tools/ratios.py" --work "${work:-$kind flow}" "${goal[@]}" --against "${specs[0]%%=*}" <"$WORK/rounds"
