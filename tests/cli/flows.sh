#!/usr/bin/env bash
# Every row of flows.tsv through the command line: the verdict and who decided, then the decision at SYN time.
. "$(dirname "$0")/batch.sh"

syn() { # ID WANTED JSON
	[ "$2" = - ] && return
	[[ $3 == *"\"syn\":\"$2\""* ]]
	check "$1-syn" $? "expected $2, got $3"
}

table() { # text | json
	batch_ids=() batch_wanted=() batch_flows=() batch_keys=()
	while IFS=$'\t' read -r id egress ingress rules gateway4 gateway6 bindings floor direction proto ip port sni \
		verdict match syn _; do
		bracket "$ip"
		flow=$direction@$target:$proto
		[ "$port" = - ] || flow+=:$port
		[ "$bindings" = - ] || flow+=" resolve=$bindings"
		[ "$sni" = - ] || flow+=" sni=$sni"
		batch_options "$egress" "$ingress" "$rules" "$gateway4" "$gateway6" "$floor"
		if [ "$1" = text ]; then
			batch_row "$id" "$verdict $match" "$flow" "${options[@]}"
		else
			batch_row "$id" "$syn" "$flow" "${options[@]}" --format json
		fi
	done < <(grep -v '^#' "$vectors/flows.tsv")
}

table text
batch_run decided
table json
batch_run syn
finish
