#!/usr/bin/env bash
# What the name relay opens for the guest counts as the guest's own: --max-tcp-connections holds for both together, whether the kernel
# counts or the supervisor grants. usage: server-names-limits.sh BUILD
. "$(dirname "$0")/lib.sh"
world_up
STRAIGHT=93.184.216.40 RELAYED=93.184.216.41

# opens STRAIGHT RELAYED ARG…: of so many connections to either, held open, how many are answered
opens() {
	local straight=$1 relayed=$2
	shift 2
	run_sandbox --net-default deny --net-rule "allow@$STRAIGHT:tcp,deny@*.example.net,allow@any:tcp" "$@" -- python3 -c '
import socket, sys
held, answered = [], 0
for address, count in zip(sys.argv[1::2], sys.argv[2::2]):
    for _ in range(int(count)):
        one = socket.socket()
        one.settimeout(10)
        held.append(one)
        try:
            one.connect((address, 2000))
            one.sendall(b"no TLS\n")
            answered += one.recv(100) == b"no TLS\n"
        except (ConnectionError, socket.timeout):
            pass
print(answered)' "$STRAIGHT" "$straight" "$RELAYED" "$relayed"
}

opens 0 30 --max-tcp-connections 10
same "counted: relayed flows alone" 10 "$out"
contains "and what refuses the rest is said" "$err" 'max-tcp-connections 10'
opens 6 30 --max-tcp-connections 10
same "counted: beside flows of the kernel's" 10 "$out"
opens 40 90 --max-tcp-connections 100 --max-connection-rate 10
same "granted: both together" 100 "$out"
opens 0 20
same "as shipped" 20 "$out"
