#!/usr/bin/env bash
# The rows of upstream.tsv that a flow can express: a resolver that the guest chose itself, by UDP or TCP. It is
# reached exactly when a connection to it would pass. All rows, the gateway's and DNS over TLS too: the unit test.
. "$(dirname "$0")/batch.sh"

verdict_only() { # ID WANTED ANSWER
	same "$1" "$2" "${3%%$'\t'*}"
}
while IFS=$'\t' read -r id egress ingress rules gateway4 gateway6 bindings floor resolver transport route _; do
	[ "$route" = configured ] || [ "$transport" = dot ] && continue
	bracket "$resolver"
	flow=egress@$target:$transport:53
	[ "$bindings" = - ] || flow+=" resolve=$bindings"
	batch_options "$egress" "$ingress" "$rules" "$gateway4" "$gateway6" "$floor"
	[ "$route" = denied ] && verdict=deny || verdict=allow
	batch_row "$id" "$verdict" "$flow" "${options[@]}"
done < <(grep -v '^#' "$vectors/upstream.tsv")
batch_run verdict_only
finish
