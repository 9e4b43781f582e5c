#!/usr/bin/env bash
# Nameservers as hosts have them: dead, refusing, without EDNS, folding letters, without TCP, unreachable. A sandbox
# resolves whatever the C library would resolve on the same host, and says which server never answers.
# long
. "$(dirname "$0")/lib.sh"
world_up

# the odd ones, by the last octet of 198.51.100.N; where nobody listens the port is closed
NET=198.51.100
ODD=(1=silent 2=good 3=refused 4=servfail 5=notimp 6=bogus6 7=bogus12 8=bogus22 9=edns-formerr 10=edns-bare
	11=edns-silent 12=edns-badvers 13=edns-notimp 14=edns-servfail 15=folds 16=folds-tcp 17=small-letters
	18=truncates 19=truncates-large 20=truncates-part 21=lame 22=garbage 23=four 24=notauth 25=formerr)
for each in "${ODD[@]}"; do on_internet ip address add "$NET.${each%=*}/32" dev lo; done
on_internet ip address add "$NET.99/32" dev lo
on_internet nft insert rule inet answers prerouting ip daddr $NET.0/24 accept
on_internet python3 "$TESTS/e2e/tools/dns_odd.py" "$WORK/odd.log" "${ODD[@]/#/$NET.}" &
wait_for 20 dig +short +tries=1 +time=1 "@$NET.2" example.com
on_internet nft 'add table inet far; add chain inet far p { type filter hook prerouting priority -290; }
	add rule inet far p ip daddr 198.51.101.1 reject with icmpx type host-unreachable
	add rule inet far p ip daddr 198.51.101.2 reject with icmpx type no-route
	add rule inet far p ip daddr 198.51.102.0/24 drop'

RULES=(--net-default deny --net-rule 'allow@*.example.com')
# servers N…: the arguments that name them
servers() {
	local each
	args=()
	for each in "$@"; do
		[[ $each == *[.:]* ]] || each=$NET.$each
		args+=(--dns-nameserver "$each")
	done
}
# ask NAME EXPECTED MOST_MS SERVER…: what `dig` is told, and whether it took less than that
ask() {
	local name=$1 expected=$2 most=$3 ms
	shift 3
	servers "$@"
	: >"$WORK/odd.log"
	run_sandbox "${RULES[@]}" "${args[@]}" -- bash -c 'start=${EPOCHREALTIME/./}
		dig +tries=1 +time=9 www.example.com >/tmp/out.$$; echo $(((${EPOCHREALTIME/./} - start) / 1000))
		grep -oE "status: [A-Z]+" /tmp/out.$$ | cut -c9-; awk "\$4 == \"A\" { print \$5 }" /tmp/out.$$; rm /tmp/out.$$'
	ms=$(head -n1 <<<"$out")
	same "$name" "$expected" "$(tail -n +2 <<<"$out" | tr '\n' ' ' | sed 's/ *$//')"
	check "$name: in time" "$((ms >= $(patience 1) * most))" "$ms ms"
}
A=93.184.216
LATE=4500 # before the end of a client that waits 5 s

# --- servers that fail, and one that does not ---
ask "a dead server first" "NOERROR $A.2" $LATE 1 2
contains "and it is said by name" "$err" "^msb-run: nameserver $NET\.1 does not answer"
same "once" 1 "$(grep -c "nameserver $NET.1" <<<"$err")"
ask "six dead ones first" "NOERROR $A.2" $LATE 198.51.102.{1..6} 2
ask "a closed port first" "NOERROR $A.2" 550 99 2
ask "a host that is unreachable" "NOERROR $A.2" 550 198.51.101.1 2
ask "a network that is unreachable" "NOERROR $A.2" 550 198.51.101.2 2
for each in 3=REFUSED 4=SERVFAIL 5=NOTIMP 21=lame 22=garbage 24=NOTAUTH 25=FORMERR 8=SERVFAIL; do
	ask "${each#*=} from $NET.${each%=*}: the next is asked" "NOERROR $A.2" 550 "${each%=*}" 2
done
ask "REFUSED by all is what the guest is told" "REFUSED" 550 3 3
ask "the last that says anything is" "NOTIMP" $LATE 3 5 99
ask "bogus to a validator: nobody else is asked" "SERVFAIL" 550 6 2
same "nobody" 0 "$(grep -c "^$NET.2 " "$WORK/odd.log")"
ask "NSEC missing as well" "SERVFAIL" 550 7 2

# --- servers that want to be asked in another way ---
for each in 9=FORMERR 10=header 12=BADVERS 13=NOTIMP 14=SERVFAIL; do
	ask "${each#*=} to EDNS: asked without" "NOERROR $A.${each%=*}" 550 "${each%=*}"
done
ask "silence to EDNS: asked without" "NOERROR $A.11" $LATE 11
ask "silence to letters of both cases: asked in small ones" "NOERROR $A.17" $LATE 17
ask "folds letters, has no TCP" "NOERROR $A.15" 550 15
ask "folds letters, has TCP" "NOERROR $A.16" 550 16
ask "truncates, has TCP" "NOERROR $A.18" 550 18
ask "truncates below 4,096, has no TCP" "NOERROR $A.19" 550 19
ask "truncates whatever the size, has no TCP" "NOERROR $A.20" 550 20

# --- it is remembered ---
servers 11
: >"$WORK/odd.log"
run_sandbox "${RULES[@]}" "${args[@]}" -- bash -c 'for i in 1 2 3 4; do dig +tries=1 +time=9 +short $i.example.com; done'
same "no EDNS is remembered" "plain plain plain" "$(awk '$3 ~ /^[234]/ { print $5 }' "$WORK/odd.log" | tr '\n' ' ' | sed 's/ $//')"
servers 1 2
: >"$WORK/odd.log"
run_sandbox "${RULES[@]}" "${args[@]}" -- bash -c 'for i in 1 2 3 4; do dig +tries=1 +time=9 +short $i.example.com; done'
same "who is dead is remembered" "1 0" "$(grep -cE "^$NET.1 udp 2" "$WORK/odd.log" | sed 's/^[01]$/1/') $(grep -c "^$NET.1 udp [34]" "$WORK/odd.log")" # once more from the host, beside the others
# a server that comes back is asked again: first of all, or the second would go on being asked
servers $NET.50 2
on_internet ip address add "$NET.50/32" dev lo
on_internet nft 'add rule inet far p ip daddr 198.51.100.50 drop'
: >"$WORK/odd.log"
start_sandbox back "${RULES[@]}" "${args[@]}" -- bash -c 'i=0; while dig +tries=1 +time=9 +short $((i += 1)).back.example.com; do sleep 0.2; done'
wait_for 20 grep -q "$A.2" "$WORK/back.out"
on_internet python3 "$TESTS/e2e/tools/dns_odd.py" "$WORK/odd50.log" "$NET.50=good" &
on_internet nft flush chain inet far p
wait_for 40 grep -q "$A.50" "$WORK/back.out"
check "a dead server that is back is asked again" $? "$(sort "$WORK/back.out" | uniq -c)"
kill "$sandbox_pid"

# --- musl, which asks once more after 2.5 s and gives up after 5 ---
cat >"$WORK/resolve.c" <<-'END'
	#include <arpa/inet.h>
	#include <netdb.h>
	#include <stdio.h>
	int main(int argc, char **argv)
	{
		struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
		char text[64];
		int error = getaddrinfo(argv[argc - 1], "80", &hints, &found);
		if (error)
			return puts(gai_strerror(error)), 1;
		for (; found; found = found->ai_next)
			if (found->ai_family == AF_INET)
				puts(inet_ntop(AF_INET, &((struct sockaddr_in *)found->ai_addr)->sin_addr, text, sizeof text));
		return 0;
	}
END
if command -v musl-gcc >/dev/null && musl-gcc -static -o "$WORK/resolve" "$WORK/resolve.c"; then
	for each in "1 2" "11" "11 11" "1 3 2" "99 2" "20" "15"; do
		# shellcheck disable=SC2086 # a list
		servers $each
		run_sandbox "${RULES[@]}" "${args[@]}" -- "$WORK/resolve" www.example.com
		same "musl resolves with servers $each" "$A.${each##* }" "$out"
	done
else
	skip "musl resolves" "no musl-gcc here"
fi

# --- a way of its own ---
ip link add lan0 type veth peer name lan0 netns internet
ip link set lan0 up
on_internet ip link set lan0 up
on_internet ip address add fe80::53/64 dev lan0 nodad
wait_for 20 ping -6 -c1 -W1 fe80::53%lan0
on_internet python3 "$TESTS/e2e/tools/dns_odd.py" "$WORK/lan.log" "fe80::53%lan0=good" &
wait_for 20 dig +short +tries=1 +time=1 @fe80::53%lan0 www.example.com
run_sandbox "${RULES[@]}" --dns-nameserver fe80::53%lan0 -- dig +short www.example.com
same "a link-local server, by its link" $A.53 "$out"
printf 'nameserver fe80::53%%lan0\n' >"$WORK/resolv.conf"
run_sandbox "${RULES[@]}" -- dig +short www.example.com
same "also in resolv.conf" $A.53 "$out"
run_sandbox "${RULES[@]}" --dns-nameserver fe80::53%lan9 -- true
contains "on a link that there is not: an error" "$err" 'fe80::53%lan9: the host has no link lan9'
printf 'nameserver 2001:db8:ffff::1\nnameserver 9.9.9.9\n' >"$WORK/resolv.conf"
ip -6 route add unreachable 2001:db8:ffff::/48
run_sandbox "${RULES[@]}" -- bash -c 'start=${EPOCHREALTIME/./}; dig +short a.example.com
	[ $(((${EPOCHREALTIME/./} - start) / 1000)) -lt 550 ] && echo at once'
same "no route to the first: the second at once" "$A.35 at once" "$(tr '\n' ' ' <<<"$out" | sed 's/ $//')"
contains "and it is said" "$err" 'nameserver 2001:db8:ffff::1: (Network is unreachable|No route to host)'
finish
