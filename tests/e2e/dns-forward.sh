#!/usr/bin/env bash
# threats: dns-forward. UPDATE, NOTIFY, zone transfers, odd EDNS options, trailing bytes: no byte of the guest's but the
# question leaves, and of questions only such as ask for data. And what comes back must be the answer to it.
. "$(dirname "$0")/lib.sh"
world_up
kill "$NSD_PID" && wait "$NSD_PID" 2>/dev/null
on_internet python3 "$TESTS/e2e/tools/dns_peer.py" "$WORK/peer.log" &
wait_for 20 dig +short +tries=1 +time=1 "@$RESOLVER" example.com
CLIENT=$TESTS/e2e/tools/dns_client.py
RULES=(--net-default deny --net-rule 'allow@*.example.com' --dns-query-timeout-ms 800)
NAME=076578616d706c6503636f6d00 # example.com

# raw NAME EXPECTED HEX QUERIES: what the guest is told, and how many queries left
raw() {
	: >"$WORK/peer.log"
	run_sandbox "${RULES[@]}" -- python3 "$CLIENT" 172.16.0.1 raw "$3"
	same "$1: $2" "$2" "$out"
	same "$1: $4 left" "$4" "$(wc -l <"$WORK/peer.log")"
}
raw "a plain query" "rcode 0" "123401000001000000000000${NAME}00010001" 1
plain=$(awk '{ print $3 }' "$WORK/peer.log")
# the id and the letters' case are drawn: all else is always the same
same "what left is a header, the question and our own EDNS" "80 01000001000000000001" "${#plain} $(cut -c5-24 <<<"$plain")"
contains "with an OPT of ours at its end" "$plain" '000001000100002904d0000000000000$'
same "and the name that was asked" "example.com" "$(python3 -c '
import sys; b = bytes.fromhex(sys.argv[1])[12:25]; print(b[1:8].decode().lower() + "." + b[9:12].decode().lower())' "$plain")"

raw "UPDATE" "rcode 4" "123428000001000000000000${NAME}00060001" 0
raw "NOTIFY" "rcode 4" "123424000001000000000000${NAME}00060001" 0
raw "STATUS" "rcode 4" "123410000001000000000000${NAME}00010001" 0
raw "AXFR" "rcode 5" "123401000001000000000000${NAME}00fc0001" 0
raw "IXFR" "rcode 5" "123401000001000000000000${NAME}00fb0001" 0
raw "TSIG as a question" "rcode 5" "123401000001000000000000${NAME}00fa0001" 0
raw "OPT as a question" "rcode 5" "123401000001000000000000${NAME}00290001" 0
raw "class CHAOS" "rcode 5" "123401000001000000000000${NAME}00100003" 0
raw "class ANY" "rcode 5" "123401000001000000000000${NAME}000100ff" 0
raw "two questions" "rcode 1" "123401000002000000000000${NAME}00010001${NAME}001c0001" 0
raw "no question" "rcode 1" "123401000000000000000000" 0
raw "ANY" "rcode 0" "123401000001000000000000${NAME}00ff0001" 0
raw "an answer" "drop" "123481800001000000000000${NAME}00010001" 0
raw "a name that does not end" "drop" "123401000001000000000000${NAME%00}" 0
raw "a name of pointers" "drop" "123401000001000000000000c00c00010001" 0
raw "half a header" "drop" "1234010000" 0
raw "a record that is not there" "drop" "123401000001000000000001${NAME}00010001" 0
raw "EDNS version 1" "rcode 0" "123401000001000000000001${NAME}000100010000291000000100000000" 0

# client subnet 192.0.2.0/24, a cookie, a padding option; records of the guest's; bytes behind the message
edns="0000291000000080000024000800070001180000c00002000a00080123456789abcdef000c000d00000000000000000000000000"
record="0a65786669${NAME}"
for way in "odd EDNS options:123401000001000000000001${NAME}00010001$edns" \
	"bytes behind it:123401000001000000000000${NAME}00010001$(printf exfiltrated | od -An -tx1 | tr -d ' ')" \
	"other flags, DO and CD:123401b00001000000000001${NAME}000100010000291000000080000000"; do
	: >"$WORK/peer.log"
	run_sandbox "${RULES[@]}" -- python3 "$CLIENT" 172.16.0.1 raw "$(tr -d ' ' <<<"${way#*:}")"
	got=$(awk '{ print $3 }' "$WORK/peer.log")
	if [ -n "$got" ]; then
		same "${way%%:*} stay behind" "${#plain} $(cut -c5-24 <<<"$plain") ${plain: -32}" "${#got} $(cut -c5-24 <<<"$got") ${got: -32}"
	else
		same "${way%%:*} stay behind, and the query as well" drop "$out"
	fi
done

# --- what comes back ---
# asked NAME EXPECTED QNAME: the guest's answer
asked() {
	run_sandbox "${RULES[@]}" -- bash -c "dig +tries=1 +time=5 $3 | grep -oE 'status: [A-Z]+'; dig +tries=1 +time=5 +short $3"
	same "$1" "$2" "$(tr '\n' ' ' <<<"$out" | sed 's/ *$//')"
}
asked "an answer of another id is none" "status: SERVFAIL" wrongid.example.com
asked "nor one to another name" "status: SERVFAIL" wrongname.example.com
asked "the real one still counts" "status: NOERROR 93.184.216.34" wrongid-then.example.com
asked "and after another name's" "status: NOERROR 93.184.216.34" wrongname-then.example.com
asked "letters in another case: TCP is asked" "status: NOERROR 93.184.216.34" wrongcase-then.example.com
asked "an answer that does not parse is SERVFAIL" "status: SERVFAIL" garbage.example.com
# ports and ids of 200 queries
: >"$WORK/peer.log"
run_sandbox "${RULES[@]}" -- python3 "$CLIENT" 172.16.0.1 flood 200 many.example.com
same "200 queries come from as many ports" yes "$(awk '$1 == "udp" { print $2 }' "$WORK/peer.log" | sort -u | wc -l | awk '{ print ($1 > 190 ? "yes" : $1) }')"
same "under as many ids" yes "$(awk '$1 == "udp" { print substr($3, 1, 4) }' "$WORK/peer.log" | sort -u | wc -l | awk '{ print ($1 > 190 ? "yes" : $1) }')"
finish
