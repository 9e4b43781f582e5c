#!/usr/bin/env bash
# Every row of rebind.tsv through the command line: does an answer with this address pass, and why.
. "$(dirname "$0")/batch.sh"

while IFS=$'\t' read -r id egress ingress rules gateway4 gateway6 floor address outcome why _; do
	batch_options "$egress" "$ingress" "$rules" "$gateway4" "$gateway6" "$floor"
	[ "$outcome" = pass ] && verdict=allow || verdict=deny
	bracket "$address"
	batch_row "$id" "$verdict $why" "answer@$target" "${options[@]}"
done < <(grep -v '^#' "$vectors/rebind.tsv")
batch_run decided
finish
