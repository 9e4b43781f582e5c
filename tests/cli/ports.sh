#!/usr/bin/env bash
# Every row of ports.tsv through msb-policyc: what a published port means, or the class of its error.
# usage: tests/cli/ports.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"

while IFS= read -r line; do
	[[ $line != '# '* ]] || continue
	mapfile -t column < <(tr '\t' '\n' <<<"$line")
	spec=${column[0]}
	[ "$spec" != '<empty>' ] || spec=
	out=$("$policyc" compile --emit policy -p "$spec" 2>&1)
	if [ "${column[1]}" = ok ]; then
		bind=${column[2]}
		[[ $bind != *:* ]] || bind="[$bind]"
		got=$(sed -n 's/^publish \([^\t]*\)\t.*/\1/p' <<<"$out") wanted="$bind:${column[3]}:${column[4]}/${column[5]}"
	else
		got=$(sed -n '1s/^-p: error: .*\[\([a-z-]*\)\]$/\1/p' <<<"$out") wanted=${column[6]}
	fi
	same "ports '${column[0]}'" "$wanted" "$got"
done <"$vectors/ports.tsv"
finish
