#!/usr/bin/env bash
# Every row of cli.tsv through msb-policyc: the policy that flags make, or the class of the first error.
# usage: tests/cli/cli.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"

# The policy that --emit policy printed, in the columns of cli.tsv
columns() {
	awk -F'\t' '
	function add(list, item, by) { return list == "" ? item : list by item }
	$1 ~ /^default egress/ { split($1, word, " "); egress = word[3] }
	$1 ~ /^default ingress/ { split($1, word, " "); ingress = word[3] }
	$1 ~ /^rule / { rules = add(rules, $2, ",") }
	$1 ~ /^publish / {
		spec = substr($1, 9); match(spec, /:[0-9]+:[0-9]+\/[a-z]+$/)
		split(substr(spec, RSTART + 1), part, /[:\/]/)
		extra = add(extra, "port=" part[3] ":" substr(spec, 1, RSTART - 1) ":" part[1] ":" part[2], ";")
	}
	$1 ~ /^dns nameserver / { extra = add(extra, "ns=" substr($1, 16) ":" $2, ";") }
	$1 == "dns rebind-protection off" { extra = add(extra, "rebind=off", ";") }
	$1 ~ /^dns timeout / && $1 != "dns timeout 5000ms" {
		match($1, /[0-9]+/); extra = add(extra, "timeout_ms=" substr($1, RSTART, RLENGTH), ";")
	}
	$1 ~ /^pool / { extra = add(extra, ($1 ~ /\[/ ? "pool6=" : "pool4=") substr($1, 6), ";") }
	$1 ~ /^max-connections / {
		split($1, word, " "); extra = add(extra, "max_connections=" word[2], ";")
	}
	END { print egress, ingress, rules == "" ? "-" : rules, extra == "" ? "-" : extra }'
}

# The class of the first error: what stands in a rule or a port says so in front
class() {
	sed -n '/error: /{
		s/^arg:.*\[\([a-z-]*\)\]$/rule:\1/p;t end
		s/^-p: .*\[\([a-z-]*\)\]$/port:\1/p;t end
		s/.*\[\([a-z-]*\)\]$/\1/p
		:end
		q
	}'
}

while IFS=$'\t' read -r id args status egress ingress rules extra error _; do
	[[ $id != '#'* ]] || continue
	[ "$args" != '<none>' ] || args=
	eval "set -f; set -- $args; set +f"
	out=$("$policyc" compile --emit policy "$@" 2>&1)
	if [ "$status" = ok ]; then
		got=$(columns <<<"$out") wanted="$egress $ingress $rules $extra"
	else
		got=$(class <<<"$out") wanted=$error
	fi
	same "cli $id" "$wanted" "$got"
done <"$vectors/cli.tsv"
finish
