#!/usr/bin/env bash
# Every row of dns.tsv through the command line: the verdict on a query, and the rule that gave it.
. "$(dirname "$0")/batch.sh"

while IFS=$'\t' read -r id egress ingress rules name transport verdict match _; do
	batch_options "$egress" "$ingress" "$rules" 172.16.0.1 fd42:6d73:62::1 -
	batch_row "$id" "$verdict $match" "dns@$name:$transport" "${options[@]}"
done < <(grep -v '^#' "$vectors/dns.tsv")
batch_run decided
finish
