#!/usr/bin/env bash
# Kernel and relay against the evaluator: random policies with names, some hundred connections under each, with the server name
# of an allowed name, of another, with none and without TLS. Each must fare as `msb-policyc eval` says of the first packet (refused
# at once, or not) and of the server name (answered, or ended without an answer). usage: server-names-random.sh BUILD
# MSB_SEED, MSB_POLICIES, MSB_FLOWS: what is tried
. "$(dirname "$0")/lib.sh"
tool=$TESTS/e2e/tools/name_flows.py
world_up "$(python3 "$tool" zone)"
first=${MSB_SEED:-1} policies=${MSB_POLICIES:-25} flows=${MSB_FLOWS:-400}
total=0 wrong=0 deferred=0

# one SEED: a policy, and flows under it
one() {
	local arguments
	mapfile -t arguments < <(python3 "$tool" policy "$1")
	python3 "$tool" flows "$1" "$flows" >"$WORK/flows"
	run_sandbox "${arguments[@]}" --max-connection-rate 1000000 --max-connections 0 -- python3 "$tool" try 172.16.0.1 "$WORK/flows"
	printf '%s\n' "$out" >"$WORK/tried"
	python3 "$tool" batch "$WORK/flows" "$WORK/tried" >"$WORK/batch"
	"$BUILD/msb-policyc" eval "${arguments[@]}" --format json --batch <"$WORK/batch" >"$WORK/judged"
	python3 "$tool" compare "$WORK/flows" "$WORK/tried" "$WORK/judged" >"$WORK/compared"
}

for ((seed = first; seed < first + policies; seed++)); do
	one "$seed"
	last=$(tail -1 "$WORK/compared")
	if [[ $last != *" 0 mismatches" ]]; then
		wrong=$((wrong + 1))
		echo "# seed $seed: $(python3 "$tool" policy "$seed" | tr '\n' ' ')"
		grep -m3 mismatch "$WORK/compared" | sed 's/^/# /'
		echo "# $last $(head -3 "$WORK/err" | tr '\n' ' ')"
	fi
	[[ $last =~ ^([0-9]+)\ flows ]] && total=$((total + BASH_REMATCH[1]))
	deferred=$((deferred + $(grep -c '"syn":"defer"' "$WORK/judged")))
done
echo "# $policies policies from seed $first, $total connections, $deferred of them by their server names"
same "as-the-evaluator-says" 0 "$wrong"
same "every-flow-was-tried" $((policies * flows)) "$total"
same "some-deferred" 1 $((deferred > total / 20))
