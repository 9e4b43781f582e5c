#!/usr/bin/env bash
# New flows against the number of rules: policies with names, networks, groups and ports in mixtures, flows to random rules that allow
# (so that the rule that decides is in the middle, on average), names bound by the guest's own look-ups. Before anything is measured,
# every denied flow is seen not to arrive; bursts count only where every flow arrived. A JSON object a line.
#
# usage: tests/bench/mixed.sh BUILD [SHAPE [RULES…]]    shapes: mixed, services (policy.py)
set -eu
arguments=("$@")
build=$(realpath "${1:?usage: tests/bench/mixed.sh BUILD [SHAPE [RULES…]]}")
shift
# shellcheck source=tests/bench/tools/stands.sh
. "$(dirname "$0")/tools/stands.sh" "${arguments[@]}"
UNLIMITED=(--max-connection-rate 0 --max-connections 0)
declare -A goals=([100]=0.97 [1000]=0.88 [10000]=0.80)

# The candidates that their rule allows, those that wait for a server name aside, and those that are denied, as the evaluator says
judge() { # DIR
	cut -d' ' -f1-4 "$1/candidates" >"$1/flows"
	awk '{ print "egress@" ($2 ~ /:/ ? "[" $2 "]" : $2) ":" $3 ":" $4 ($5 ? " resolve=" $5 "=" $2 : "") }' "$1/candidates" |
		"$build/msb-policyc" eval "$1/policy.msb" --batch --format json |
		jq -r '.[] | [.verdict, .rule // "-", .syn // "-"] | join(" ")' >"$1/verdicts"
	: >"$1/allowed"
	: >"$1/denied"
	paste -d' ' "$1/flows" "$1/verdicts" | awk -v dir="$1" '
		$5 == "allow" && $6 == $1 && $7 != "defer" { print $2, $3, $4 >(dir "/allowed") }
		$5 == "deny" { print $2, $3, $4 >(dir "/denied") }'
}

row() { "$BENCH/tools/ratios.py" --against frame --as "accept-all in our frame" "$@" <"$dir/rounds"; }

# One policy in stands of its own; beside what msb-run installs, BASELINES: O0, linear, none
point() { # SHAPE RULES [BASELINE…]
	local shape=$1 count=$2 dir=$WORK/$1-$2 name goal=() seed=1 names=()
	shift 2
	NAMES=$dir/names
	mkdir "$dir"
	while "$BENCH/policy.py" "$count" "$seed" "$shape" "$dir" && judge "$dir" && [ ! -s "$dir/allowed" ]; do
		seed=$((seed + 1)) # a few rules can happen to allow nothing
	done
	local -A rulesets=([none]=none [frame]=frame [ours]="$dir/policy.msb" [O0]="$dir/policy.msb@0" [linear]="$dir/linear.nft")
	local -A labels=([none]="no ruleset" [O0]="-O0" [linear]="an ordinary ruleset")
	for name in frame ours "$@"; do
		stand "$name.$shape$count" vm "${rulesets[$name]}" "${UNLIMITED[@]}"
		names+=("$name.$shape$count")
	done
	[ ! -s "$dir/denied" ] || "$build/bench/rates" --denied --flows "$dir/denied" "ours.$shape$count"
	"$build/bench/rates" --rounds 40 --flows "$dir/allowed" "${names[@]}" | sed "s/\\.$shape$count\t/\t/" >"$dir/rounds"
	[ -z "${goals[$count]-}" ] || goal=(--goal "${goals[$count]}")
	row --rules "$count" --work "new flows, $count $shape rules with names" "${goal[@]}" "ours=as msb-run installs them"
	for name in "$@"; do
		row --rules "$count" --work "new flows, $count $shape rules with names" "$name=${labels[$name]}"
	done
}

if [ $# -gt 0 ]; then
	shape=$1
	shift
	[ $# -gt 0 ] || set -- 100 1000 10000
	for count in "$@"; do point "$shape" "$count" O0 linear none; done
else
	for count in 1 10 100 1000 10000; do point mixed "$count" O0 linear none; done
	for count in 100 1000 10000; do point services "$count"; done
fi
