#!/usr/bin/env bash
# DNS as a guest sees it: names resolve by policy and connect by their answers, for their TTL; and everything that
# belongs to a resolver: both transports, sizes, servers that fail, resolvers of the guest's choice, a cache.
# long
. "$(dirname "$0")/lib.sh"
world_up "$(echo '*.flood.example.com. 60 IN A 93.184.217.1'; echo 'brief.example.com. 6 IN A 93.184.216.42')"
CLIENT=$TESTS/e2e/tools/dns_client.py
RULES=(--net-default deny --net-rule 'allow@*.example.com:tcp:443')

# inside NAME EXPECTED POLICY-ARG… -- SCRIPT: what the script prints, on one line
inside() {
	local name=$1 expected=$2 args=()
	shift 2
	while [ "$1" != -- ]; do args+=("$1"); shift; done
	run_sandbox "${args[@]}" -- bash -c "probe() { $PROBE \"\$@\" | cut -d' ' -f1; }; client() { python3 $CLIENT \"\$@\"; }
		dig() { command dig +tries=1 +time=9 \"\$@\"; }; status() { dig \"\$@\" | grep -o 'status: [A-Z]*' | cut -c9-; }; $2"
	same "$name" "$expected" "$(tr '\n' ' ' <<<"$out" | sed 's/ *$//')"
}

# --- names and what they open ---
inside "a name's address opens with its lookup" "refused 93.184.216.34 connected" "${RULES[@]}" -- '
	probe tcp 93.184.216.34 443; dig +short example.com; probe tcp 93.184.216.34 443'
inside "and over IPv6" "refused 2606:2800:220:1::34 connected" "${RULES[@]}" -- '
	probe tcp 2606:2800:220:1::34 443; dig +short example.com AAAA; probe tcp 2606:2800:220:1::34 443'
inside "one family's lookup does not open the other's address" "93.184.216.34 refused" "${RULES[@]}" -- '
	dig +short example.com; probe tcp 2606:2800:220:1::34 443'
inside "another port stays closed" "93.184.216.34 refused" "${RULES[@]}" -- '
	dig +short example.com; probe tcp 93.184.216.34 80'
inside "an alias's address opens too" "connected" "${RULES[@]}" -- '
	dig +short www.example.com >/dev/null; probe tcp 93.184.216.34 443'
seen_reset
inside "another name is NXDOMAIN" "NXDOMAIN refused" "${RULES[@]}" -- '
	status example.org; probe tcp 93.184.216.40 443'
same "and its query never leaves" 0 "$(seen $RESOLVER udp 53)"
contains "the denial says why" "$err" '^msb-run: denied dns@example.org:udp +default egress deny \(--net-default\)$'
inside "an Extended DNS Error says why" "(--net-default default egress deny)" "${RULES[@]}" -- '
	dig example.org | sed -n "s/^; EDE: 15 (Blocked): //p"'
inside "the gateway's name" "172.16.0.1 fd42:6d73:62::1 60" --net-default deny --net-rule allow@host,allow@dns -- '
	dig +short host.microsandbox.internal A host.microsandbox.internal AAAA
	dig host.microsandbox.internal +noall +answer | awk "{ print \$2 }"'

# --- lifetimes ---
inside "an established connection outlives its binding, a new one needs a new lookup" \
	"connected before after refused 93.184.216.42 connected" --net-default deny --net-rule 'allow@*.example.com' \
	--dns-binding-minimum 0 -- '
	dig +short brief.example.com >/dev/null; probe tcp 93.184.216.42 443
	exec 3<>/dev/tcp/93.184.216.42/7; echo before >&3; head -n 1 <&3
	sleep 6.5
	echo after >&3; head -n 1 <&3
	probe tcp 93.184.216.42 443; dig +short brief.example.com; probe tcp 93.184.216.42 443'
seen_reset
inside "a second query is answered from the cache, and its TTL has run" "60 yes" "${RULES[@]}" -- '
	dig example.com +noall +answer | awk "{ print \$2 }"; sleep 2.1
	dig EXAMPLE.com +noall +answer | awk "{ print (\$2 > 20 && \$2 <= 58 ? \"yes\" : \$2) }"'
same "so one query left" 1 "$(seen $RESOLVER udp 53)"
inside "an answer that soon ends binds for as long as the guest is told" "1 93.184.216.37 connected" "${RULES[@]}" -- '
	dig short.example.com >/dev/null; sleep 1.6; dig short.example.com +noall +answer | awk "{ print \$2, \$5 }"; sleep 0.5; probe tcp 93.184.216.37 443'

# --- transports and sizes ---
inside "the case of a question comes back" "ExAmPlE.CoM." "${RULES[@]}" -- '
	dig ExAmPlE.CoM +noall +question | awk "{ print \$1 }" | tr -d ";"'
inside "4,000 bytes: TC over UDP, whole over TCP" "tc 0 16" "${RULES[@]}" -- '
	dig big.example.com TXT +ignore +noall +comments | grep -oE "\btc\b"
	dig big.example.com TXT +ignore +short | wc -l; dig big.example.com TXT +tcp +short | wc -l'
inside "no EDNS: 512 bytes" "tc" "${RULES[@]}" -- '
	dig many.example.com A +noedns +ignore +noall +comments | grep -oE "\btc\b"'
inside "200 queries in one TCP connection" "200" "${RULES[@]}" -- 'client 172.16.0.1 pipeline 200 example.com'
inside "a client that only half closes is answered" "1" "${RULES[@]}" -- 'client 172.16.0.1 halfclose example.com'
inside "over IPv6 as well" "93.184.216.34 200" "${RULES[@]}" -- '
	dig @fd42:6d73:62::1 +short example.com; client fd42:6d73:62::1 pipeline 200 example.com'
inside "2,000 names, none lost" "0:2000" "${RULES[@]}" -- 'client 172.16.0.1 flood 2000 flood.example.com'

# --- servers ---
on_internet nft 'add table inet dead; add chain inet dead p { type filter hook prerouting priority -290; }
	add rule inet dead p ip daddr { 198.51.100.1, 198.51.100.2 } drop'
SERVERS=(--dns-query-timeout-ms 2000 --dns-nameserver 198.51.100.1)
inside "the first server dead: the second answers, long before the timeout" "93.184.216.34 yes" "${RULES[@]}" "${SERVERS[@]}" \
	--dns-nameserver 9.9.9.9 -- 'start=${EPOCHREALTIME/./}; dig +short example.com
	ms=$(( (${EPOCHREALTIME/./} - start) / 1000 )); [ $ms -lt 1990 ] && echo yes || echo $ms'
inside "all dead: SERVFAIL" "SERVFAIL yes" "${RULES[@]}" "${SERVERS[@]}" --dns-nameserver 198.51.100.2 -- '
	start=${EPOCHREALTIME/./}; status example.com
	ms=$(( (${EPOCHREALTIME/./} - start) / 1000 )); [ $ms -ge 1990 ] && echo yes || echo $ms'
seen_reset
inside "a nameserver by name" "93.184.216.34" "${RULES[@]}" --dns-nameserver dns.google -- 'dig +short example.com'
same "is asked by its address" yes "$([ "$(seen 8.8.8.8 udp 53)" -gt 0 ] && echo yes)"

# --- resolvers of the guest's choice ---
CHOICE=(--net-default deny --net-rule 'allow@dns,allow@8.8.8.8:udp:53')
seen_reset
inside "a resolver that the rules allow" "93.184.216.34" "${CHOICE[@]}" -- 'dig @8.8.8.8 +short example.com'
same "is asked itself" "yes 0" "$([ "$(seen 8.8.8.8 udp 53)" -gt 0 ] && echo yes) $(seen $RESOLVER udp 53)"
seen_reset
inside "over the transport they allow" "NXDOMAIN" "${CHOICE[@]}" -- 'status @8.8.8.8 +tcp example.com'
inside "one that they do not allow" "NXDOMAIN" "${CHOICE[@]}" -- 'status @1.1.1.1 example.com'
same "is never asked" "0 0" "$(seen 8.8.8.8 tcp 53) $(seen 1.1.1.1)"
contains "and the denial is a flow" "$err" 'denied egress@1.1.1.1:udp:53 +default egress deny'
seen_reset
inside "TCP to one goes there over TCP" "93.184.216.34" --net-default deny --net-rule 'allow@dns,allow@8.8.8.8:tcp:53' -- '
	dig @8.8.8.8 +tcp +short example.com'
same "and over nothing else" "yes 0" "$([ "$(seen 8.8.8.8 tcp 53)" -gt 0 ] && echo yes) $(seen 8.8.8.8 udp 53)"
inside "IPv6 ones too" "93.184.216.34 NXDOMAIN" --net-default deny \
	--net-rule 'allow@dns,allow@[2001:4860:4860::8888]:udp:53' -- '
	dig @2001:4860:4860::8888 +short example.com; status @2606:4700::1111 example.com'

# --- answers that are held back ---
inside "a private address for a public name is NXDOMAIN" "NXDOMAIN" -- 'status rebind.example.com'
contains "and reported" "$err" 'denied answer@10.0.0.5 +rebind protection  rebind.example.com'
inside "unless private addresses are allowed" "10.0.0.5 connected" --net public,private -- '
	dig +short rebind.example.com; probe tcp 10.0.0.5 443'
finish
