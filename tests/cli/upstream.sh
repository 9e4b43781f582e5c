#!/usr/bin/env bash
# The rows of upstream.tsv that a flow can express: a resolver that the guest chose itself, by UDP or TCP. It is
# reached exactly when a connection to it would pass. All rows, the gateway's and DNS over TLS too: the unit test.
export BUILD=${1:?usage: upstream.sh BUILD}
here=$(dirname "$0")
. "$here/batch.bash"

verdict_only() { # ID WANTED ANSWER
	if [ "${3%%$'\t'*}" = "$2" ]; then echo "ok $1"; else echo "not ok $1 - wanted $2, got '$3'"; fi
}
while IFS=$'\t' read -r id egress ingress rules gateway4 gateway6 bindings floor resolver transport route _; do
	[ "$route" = configured ] || [ "$transport" = dot ] && continue
	bracket "$resolver"
	flow=egress@$target:$transport:53
	[ "$bindings" = - ] || flow+=" resolve=$bindings"
	batch_options "$egress" "$ingress" "$rules" "$gateway4" "$gateway6" "$floor"
	[ "$route" = denied ] && verdict=deny || verdict=allow
	batch_row "$id" "$verdict" "$flow" "${options[@]}"
done < <(grep -v '^#' "$here/upstream.tsv")
batch_run verdict_only
