#!/usr/bin/env bash
# The column `syn` of tests/vectors/flows.tsv on the wire: refused at once, let pass by the kernel, or given to the name relay, and then what
# becomes of it with the server name that the row says. usage: server-names-vectors.sh BUILD
# long
. "$(dirname "$0")/lib.sh"
world_up
tools=$TESTS/e2e/tools
mkdir "$WORK/groups"
python3 "$tools/flow_vectors.py" split "$TESTS/vectors/flows.tsv" "$WORK/groups"

# one DIRECTORY: a policy and its rows; conntrack is looked at while the sandbox is there
one() {
	local options names
	mapfile -t options <"$1/options"
	mapfile -t names <"$1/names"
	[ -s "$1/records" ] && dns_records "$(cat "$1/records")"
	start_sandbox vectors "${options[@]}" --max-connection-rate 100000 -- \
		sh -c 'python3 "$0" try 172.16.0.1 "$@"; echo done; exec sleep 60' "$tools/name_flows.py" "$1/flows" "${names[@]:-localhost}"
	wait_for "$(patience 60)" grep -q '^done' "$WORK/vectors.out"
	grep -v -e '^done' -e '^bound localhost' "$WORK/vectors.out" >"$1/tried"
	cat "/proc/$(pgrep -nx msb-supervisor)/net/nf_conntrack" >"$1/conntrack"
	kill "$sandbox_pid"
	wait "$sandbox_pid" 2>/dev/null
	grep error "$WORK/vectors.err" | sed 's/^/# /'
	python3 "$tools/flow_vectors.py" compare "$1" >>"$WORK/compared"
}

for group in "$WORK"/groups/*; do one "$group"; done
grep '^not ok' "$WORK/compared" | sed 's/^/# /'
echo "# $(grep -c '^ok' "$WORK/compared") rows, $(grep -c 'by the relay' "$WORK/compared") of them by the name relay; $(grep -c '^skip' "$WORK/compared") whose names cannot be bound"
same "as the vectors say" 0 "$(grep -c '^not ok' "$WORK/compared")"
same "most rows" 1 $(($(grep -c '^ok' "$WORK/compared") > 90))
same "some by the relay" 1 $(($(grep -c 'by the relay' "$WORK/compared") > 15))
