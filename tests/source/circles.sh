#!/usr/bin/env bash
# Within a folder files use each other in one direction: no circle of symbols, by nm. usage: circles.sh BUILD
set -u
BUILD=$(realpath "${1:?usage: circles.sh BUILD}")
. "$(dirname "$0")/../tap.sh"
TAP_PREFIX="circles: "
cd "$(dirname "$0")/../.." || exit 3

# The event loop of the DNS worker: a client's query starts a lookup, which asks servers, whose answer ends the lookup and
# is sent to the client; one that waits for somebody's answer is judged again, or sent to the client, too
allowed="runtime/dns/dns_asking runtime/dns/dns_clients runtime/dns/dns_exchange runtime/dns/dns_lookup runtime/dns/dns_query runtime/dns/dns_upstream"

# USER USED of every two files of a folder
uses() {
	local objects=()
	for source in compiler/*/*.c runtime/*/*.c; do
		[ ! -e "$BUILD/obj/${source%.c}.o" ] || objects+=("obj/${source%.c}.o")
	done
	(cd "$BUILD" && nm -A "${objects[@]}") | awk '
		{ file = $1; sub(/^obj\//, "", file); sub(/\.o:.*/, "", file); symbol = $NF; kind = $(NF - 1) }
		kind ~ /^[TDBRV]$/ { home[symbol] = file }
		kind == "U" { users[symbol] = users[symbol] " " file }
		END {
			for (symbol in home) {
				folder = home[symbol]
				sub(/[^\/]*$/, "", folder)
				count = split(users[symbol], user, " ")
				for (i = 1; i <= count; i++)
					if (index(user[i], folder) == 1) print user[i], home[symbol]
			}
		}'
}

used=$(uses)
[ "$(wc -l <<<"$used")" -gt 100 ]; check "symbols are read" $? "$(wc -l <<<"$used") uses"
circles=$(tsort <<<"$used" 2>&1 >/dev/null | sed -n 's/^tsort: \([a-z].*\/.*\)/\1/p' | sort -u)
same "none but the DNS worker's event loop" "" "$(comm -23 <(echo "$circles") <(tr ' ' '\n' <<<"$allowed" | sort) | tr '\n' ' ')"
finish
