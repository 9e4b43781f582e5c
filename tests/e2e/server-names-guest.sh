#!/usr/bin/env bash
# Server names of a QEMU guest: the one that is allowed, another at its address, and a server that speaks first.
# shellcheck disable=SC2016,SC2154 # scripts for the guest; $out is lib.sh's
. "$(dirname "$0")/lib.sh"
world_up
TOOLS=$TESTS/e2e/tools
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test \
	-keyout "$WORK/key.pem" -out "$WORK/cert.pem" 2>/dev/null
on_internet nft insert rule inet answers prerouting iifname wan0 tcp dport '{ 8443, 2222 }' redirect
on_internet python3 "$TOOLS/tls_server.py" "$WORK" 8443 tls "$WORK/tls.log" >"$WORK/tls.ready" &
on_internet python3 "$TOOLS/tls_server.py" "$WORK" 2222 plain "$WORK/plain.log" >"$WORK/plain.ready" &
for ready in tls plain; do wait_for 20 grep -q ready "$WORK/$ready.ready"; done

run_vm --quiet --net-default deny --net-rule 'allow@example.com:tcp:{8443,2222}' -- sh -c '
	wget -T 20 -qO- --no-check-certificate https://example.com:8443/
	echo "93.184.216.34 evil.example.net" >>/etc/hosts
	wget -T 20 -qO- --no-check-certificate https://evil.example.net:8443/ 2>/dev/null; echo "evil: $?"
	sleep 2 | nc example.com 2222'
same "the allowed name, not the other, and whoever speaks first" "hello example.com|evil: 1|ready|" "$(tr '\n' '|' <<<"$out")"
wait_for 10 sh -c "[ \$(wc -l <$WORK/tls.log) -ge 2 ]"
same "of the other name the server's application has read nothing" "tls 0 -" "$(grep -v 'example.com$' "$WORK/tls.log")"
finish
