#!/usr/bin/env bash
# What compile, check and diff cost on long policies, 1,000 to 1,000,000 rules of all kinds (mixed) and of networks that all meet
# ports of everybody (crossed): processor time and peak memory, and how much of it a rule takes beside one of a policy a tenth as
# long, alone or with others: 1 is linear, below it each costs more. A JSON object a line. usage: tests/bench/tools.sh BUILD
set -eu
policyc=$(realpath "${1:?usage: tests/bench/tools.sh BUILD}")/msb-policyc
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d /tmp/msb-bench.XXXXXX) || exit 3
trap 'rm -rf "$work"' EXIT

for shape in mixed crossed; do
	for count in 1000 10000 100000; do
		"$here/policy.py" "$count" 1 "$shape" >"$work/$shape.$count.msb"
		# a change as people make it: a few rules gone, a few turned round
		sed '77,90d;500s/allow/deny/;700s/deny/allow/;800s/443/80/' "$work/$shape.$count.msb" >"$work/$shape.$count.new.msb"
	done
done
"$here/policy.py" 1000000 1 mixed >"$work/mixed.1000000.msb"
exec "$here/tools/costs.py" "$policyc" "$work"
