#!/usr/bin/env bash
# dispatch.tsv, upstream.tsv and answers.tsv by packets through a running sandbox. What no packet can say is tried in unit tests:
# DNS over TLS, a guest that dials ::1 or a mapped address, TLS interception.
. "$(dirname "$0")/lib.sh"
world_up
VECTORS=$TESTS/vectors
tried=0
rows() { grep -v '^#' "$VECTORS/$1"; }

# --- dispatch.tsv: by port, whatever the address ---
while IFS=$'\t' read -r proto port tls outcome _; do
	[ "$outcome" != dot ] && [ "$outcome" != quic-drop ] || continue
	# the ports that interception leaves alone are the same with and without it
	[ "$tls" = off ] || [ "$proto $port" != "tcp 443" ] || continue
	tried=$((tried + 1))
	target=198.51.100.$((tried % 200 + 1))
	case $outcome in
	dns)
		run_sandbox --net-default allow --net-rule 'deny@198.51.100.0/24' -- bash -c "
			dig @172.16.0.1 $([ "$proto" = tcp ] && echo +tcp) +short +tries=1 example.com; $PROBE $proto $target $port 300"
		same "dispatch $proto $port: the proxy answers" 93.184.216.34 "$(head -n 1 <<<"$out")"
		same "dispatch $proto $port: nothing gets past it" 0 "$(seen $target)"
		;;
	refuse)
		run_sandbox --net-default allow --net-rule allow@any -- "$PROBE" "$proto" "$target" "$port" 500
		same "dispatch $proto $port: refused, whatever the rules say" 0 "$(seen $target)"
		same "dispatch $proto $port: by silence or a reset" "$([ "$proto" = tcp ] && echo refused || echo timeout)" "${out%% *}"
		;;
	policy)
		run_sandbox --net-default deny --net-rule 'allow@198.51.100.0/24' -- "$PROBE" "$proto" "$target" "$port" 2000
		same "dispatch $proto $port: allowed by a rule" yes "$([ "$(seen $target "$proto" "$port")" -gt 0 ] && echo yes)"
		run_sandbox --net-default allow --net-rule 'deny@198.51.100.0/24' -- "$PROBE" "$proto" "$target" "$port" 2000
		contains "dispatch $proto $port: denied by a rule" "$out" '^(refused|prohibited)'
		;;
	esac
done < <(rows dispatch.tsv)

# --- upstream.tsv: where a query goes that passed the walk over names ---
while IFS=$'\t' read -r id egress ingress rules gateway4 gateway6 _ floor resolver transport expected _; do
	[ "$transport" != dot ] && [[ $resolver != ::ffff:* ]] || continue
	# the sandbox has its own gateway, which stands for the row's
	[ "$resolver" != "$gateway4" ] || resolver=172.16.0.1
	[ "$resolver" != "$gateway6" ] || resolver=fd42:6d73:62::1
	[ "$rules" != - ] && rules=allow@example.com,$rules || rules=allow@example.com
	options=(--net-default-egress "$egress" --net-default-ingress "$ingress" --net-rule "$rules")
	[ "$floor" != public ] || options+=(--deployment-profile multi-tenant)
	seen_reset
	run_sandbox "${options[@]}" -- bash -c "dig @$resolver $([ "$transport" = tcp ] && echo +tcp) +tries=1 +time=3 example.com"
	asked=$(grep -oE 'status: [A-Z]+' <<<"$out" | cut -d' ' -f2)
	configured=$(seen $RESOLVER udp 53) direct=$(seen "$resolver" "$transport" 53)
	case $expected in
	configured) same "upstream $id: to the configured nameservers" "NOERROR yes 0" "$asked $([ "$configured" -gt 0 ] && echo yes) $direct" ;;
	direct*) same "upstream $id: to the resolver the guest chose" "NOERROR 0 yes" "$asked $configured $([ "$direct" -gt 0 ] && echo yes)" ;;
	denied) same "upstream $id: denied" "NXDOMAIN 0 0" "$asked $configured $direct" ;;
	esac
done < <(rows upstream.tsv)

# --- answers.tsv: what one answer binds, and for how long; ldns-testns says what the table says ---
# without rebind protection, for the table's addresses are those of documentation
kill "$NSD_PID" && wait "$NSD_PID" 2>/dev/null
# testns FILE: answers by that file, on port 53
testns() {
	[ -z "${TESTNS_PID-}" ] || { kill "$TESTNS_PID" && wait "$TESTNS_PID" 2>/dev/null; }
	nsenter --net=/run/netns/internet -- ldns-testns -p 53 "$1" >"$WORK/testns.log" 2>&1 &
	TESTNS_PID=$!
	wait_for 20 dig +tries=1 +time=1 "@$RESOLVER" ready.test
}
# entry NAME TYPE RCODE RECORDS
entry() {
	local record owner ttl type data
	printf 'ENTRY_BEGIN\nMATCH opcode qtype qname\nREPLY QR AA %s\nADJUST copy_id\nSECTION QUESTION\n%s. IN %s\n' "$3" "$1" "$2"
	[ "$4" = - ] || echo "SECTION ANSWER"
	tr '|' '\n' <<<"$4" | while read -r owner ttl type data; do
		[ "$owner" = - ] && continue
		[ "$type" = CNAME ] && data=$data.
		echo "$owner. $ttl IN $type $data"
	done
	echo ENTRY_END
}
READY=$(entry ready.test A NOERROR 'ready.test 60 A 192.0.2.1')
# bound FAMILY: "addresses seconds", the least of the lifetimes rounded up
bound() {
	bound_elements "$1" | awk '{ addresses = addresses comma $1; comma = ","; if (!least || $2 < least) least = $2 }
		END { print NR ? addresses " " least : "none -" }'
}
# answer_row NAME TYPE: an earlier answer, then that one; leaves $got
answer_row() {
	local family=4
	[ "$2" = AAAA ] && family=6
	testns "$WORK/before"
	mkfifo "$WORK/go"
	# by a resolver of its own choice: those answers are not kept, so the second query is asked again
	start_sandbox answers --no-dns-rebind-protection --dns-binding-minimum 0 --net-default deny \
		--net-rule 'allow@example.com,allow@8.8.8.8:udp:53,allow@8.8.8.8:tcp:53' -- bash -c "
		dig @8.8.8.8 +tcp +tries=1 '$1' $2 >/dev/null; echo first; read -r <$WORK/go
		dig @8.8.8.8 +tcp +tries=1 '$1' $2 >/dev/null; echo second; read -r <$WORK/go"
	wait_for 20 grep -q first "$WORK/answers.out"
	got="$(bound $family) then "
	testns "$WORK/after"
	timeout 2 bash -c "echo go >$WORK/go"
	wait_for 20 grep -q second "$WORK/answers.out"
	got+=$(bound $family)
	kill "$sandbox_pid" && wait "$sandbox_pid" 2>/dev/null
	rm "$WORK/go"
}
# added EARLIER ADDRESSES SECONDS: what both answers bind together
added() {
	[ "$2" != none ] || { echo "none -" && return; }
	echo "$(tr ',' '\n' <<<"$1,$2" | LC_ALL=C sort -u | paste -sd,) $(($3 < 60 ? $3 : 60))"
}
row=0
while IFS=$'\t' read -r name type rcode records addresses seconds _; do
	row=$((row + 1))
	earlier=93.184.216.99
	[ "$type" = AAAA ] && earlier=2606:2800:220:1::99
	{ echo "$READY"; entry "$name" "$type" NOERROR "$name 60 $type $earlier"; } >"$WORK/before"
	{ echo "$READY"; entry "$name" "$type" "$rcode" "$records"; } >"$WORK/after"
	expected="$earlier 60 then $(added "$earlier" "$addresses" "$seconds")"
	# more than once, where the machine is too slow to look within a lifetime of one second
	for _ in 1 2 3; do
		answer_row "$name" "$type"
		[ "$got" != "$expected" ] || break
	done
	same "answers row $row: $name $type $rcode" "$expected" "$got"
done < <(rows answers.tsv)
{ echo "$READY"; entry example.com A SERVFAIL -; } >"$WORK/after"
answer_row example.com A
same "answers: a failure leaves what is bound" "93.184.216.99 60 then 93.184.216.99 60" "$got"
finish
