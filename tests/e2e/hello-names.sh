#!/usr/bin/env bash
# Which names a connection may say: those of the table of names, none at all, addresses, names with a NUL in them or in capitals, the
# outer name of an encrypted hello. What is refused the server has read nothing of.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hello-lib.sh"
hello_world
SNI=$TESTS/vectors/sni.tsv

enforced no-name:none:9000 ip-as-name:$GOOD4:9001 nul:$GOOD:9002 nul-first:$GOOD:9003 upper:$GOOD:9004 dot:$GOOD:9005 empty:none:9006 \
	text:none:9007 ech:$GOOD:9008 ech:$EVIL:9009
arrives "no-name: by what the address is bound to" no-name:none:9000
stopped "ip-as-name: is no name that is allowed" ip-as-name:$GOOD4:9001
stopped "name-nul-and-case: a NUL ends no name" nul:$GOOD:9002
stopped "name-nul-and-case: nor does it begin one" nul-first:$GOOD:9003
arrives "name-nul-and-case: capitals" upper:$GOOD:9004
arrives "name-nul-and-case: a dot at its end" dot:$GOOD:9005
stopped "an empty name is none that is allowed" empty:none:9006
arrives "no TLS: by what the address is bound to" text:none:9007
arrives "ech-outer: the outer name is allowed" ech:$GOOD:9008
stopped "ech-outer: the outer name is not" ech:$EVIL:9009

# looked up for a rule of its own, so that the address is bound to it
judged --net-default allow --net-rule "allow@$EVIL:tcp:1,deny@$EVIL:tcp" -- no-name:none:9000 ip-as-name:$GOOD4:9001 plain:$EVIL:9002 plain:$GOOD:9003 nul:$GOOD:9004 \
	upper:$EVIL:9005 dot:$EVIL:9006 port:$EVIL:9007 port:$GOOD:9008
stopped "no-name: the address is bound to a name that is denied" no-name:none:9000
arrives "ip-as-name: is no name that is denied" ip-as-name:$GOOD4:9001
stopped "a name that is denied" plain:$EVIL:9002
arrives "another on its address" plain:$GOOD:9003
stopped "name-nul-and-case: a name with a NUL in it is refused whatever is denied" nul:$GOOD:9004
stopped "name-nul-and-case: capitals of a name that is denied" upper:$EVIL:9005
stopped "name-nul-and-case: a name that is denied, with a dot" dot:$EVIL:9006
stopped "name-and-port: a name that is denied, with a port, which servers pass over" port:$EVIL:9007
arrives "name-and-port: another" port:$GOOD:9008

judged "${RULES[@]}" --deny-ech -- ech:$GOOD:9000 plain:$GOOD:9001
stopped "ech-outer: refused by --deny-ech whatever its name" ech:$GOOD:9000
arrives "ech-outer: without it nothing is" plain:$GOOD:9001

# The table: one name of two is denied; then the others
names=$(awk -F'\t' '!/^#/ && $3 == "name" && $4 ~ /^[a-z0-9.-]+$/ { sub(/\.$/, "", $4); print $4 }' "$SNI" | sort -u)
for odd in 0 1; do
	denied=$(awk -v odd=$odd 'NR % 2 == odd' <<<"$names")
	rules=$(sed 's/.*/deny@&:tcp/' <<<"$denied" | paste -sd,)
	port=9000 tasks=() expected=()
	while IFS=$'\t' read -r id hex kind name _; do
		tasks+=("row:$hex:$port")
		verdict=answered
		case $kind in
		more | malformed) verdict=reset ;;
		name) ! grep -qxF "${name%.}" <<<"$denied" || verdict=reset ;;
		esac
		expected+=("$id $verdict $([ $verdict = reset ] && echo 0 || echo $((${#hex} / 2)))")
		port=$((port + 1))
	done < <(grep -v '^#' "$SNI")
	judged --net-default allow --net-rule "$rules" -- "${tasks[@]}"
	port=9000
	for row in "${expected[@]}"; do
		task=${tasks[port - 9000]} hex=${task#row:}
		same "sni.tsv, $(paste -sd' ' <<<"$denied") denied: IPv4" "$row" "${row%% *} $(said row "${hex%:*}" $port) $(bytes_read $port)"
		same "sni.tsv, $(paste -sd' ' <<<"$denied") denied: IPv6" "${row##* }" "$(bytes_read $((port + 50)))"
		port=$((port + 1))
	done
done
finish
